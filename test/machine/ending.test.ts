/** Ends of every kind: signals to `up` in the foreground, services that resist, trees of processes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppFolder, type Running } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { quoted, services } from '../support/services.ts';

const file = `name: app
services:
  counter: { run: ${JSON.stringify(services.counter)} }
`;

const stubborn = (stop: string): string => `name: app
services:
  stubborn: { run: ${JSON.stringify(services.stubborn)}, stop: ${stop}, instances: { min: 1 } }
`;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  test(`${signal} to up in the foreground ends everything, with exit code 0`, async () => {
    await using app = await AppFolder.create(file);
    const up = await inForeground(app);
    up.signal(signal);
    const { code, stderr } = await up.result;
    assert.equal(code, 0, stderr);
    await app.requireEnded();
    assert.equal((await app.run(['status'])).code, 2);
  });

test('Ctrl-C before everything is up ends what has begun', async () => {
  await using app = await AppFolder.create(`name: app
services:
  slow: { run: ${JSON.stringify(services.neverReady)} }
`);
  const up = app.start(['up']);
  await eventually('an instance has been started', () => app.pids()['slow-1'] !== undefined);
  up.signal('SIGINT');
  assert.equal((await up.result).code, 0);
  await app.requireEnded();
});

test('a service that ignores SIGTERM is killed once its stop time is over', async () => {
  await using app = await AppFolder.create(stubborn('1s'));
  await app.must('up', '--detach');
  await app.must('down');
  await app.requireEnded();
  assert.match((await app.run(['logs', 'stubborn'])).stdout, /SIGTERM is ignored/);
});

test('a second Ctrl-C does not wait for a service that ignores SIGTERM', async () => {
  await using app = await AppFolder.create(stubborn('1h'));
  const up = await inForeground(app);
  up.signal('SIGINT');
  const log = async (): Promise<string> => (await app.run(['logs', 'stubborn'])).stdout;
  await eventually('it was asked to end', async () => (await log()).includes('SIGTERM is ignored'));
  assert.match(up.output(), /Ctrl-C again/);
  assert.ok('stubborn-1' in app.pids(), 'it has its time');
  up.signal('SIGINT');
  assert.equal((await up.result).code, 0);
  await app.requireEnded();
});

test('restart of a service that ignores SIGTERM replaces it after its stop time', async () => {
  await using app = await AppFolder.create(stubborn('1s'));
  await app.must('up', '--detach');
  const before = app.pids();
  await app.must('restart', 'stubborn');
  const [pid] = Object.entries(app.pids()).filter(([id]) => id !== 'router');
  assert.notEqual(pid?.[1], before['stubborn-1']);
  assert.equal(app.pids()['router'], before['router']);
});

const trees = {
  shell: `sh -c ${quoted(`${services.counter} & wait`)}`,
  npm: 'npm start --silent',
  list: `true && ${services.counter}; echo ended`,
  pair: `${services.sleeping} & ${services.counter}`,
};

test('nothing is left of services whose run line starts a tree of processes', async () => {
  const manifest = JSON.stringify({ name: 'app', version: '1.0.0', scripts: { start: services.counter } });
  const lines = Object.entries(trees).map(
    ([name, run]) => `  ${name}: { run: ${JSON.stringify(run)}, stop: 2s, instances: { min: 1 } }\n`,
  );
  await using app = await AppFolder.create(`name: app\nservices:\n${lines.join('')}routes: { /: shell }\n`, {
    files: { 'package.json': manifest },
  });
  await app.must('up', '--detach');
  const started = new Set(app.processes().map(({ id }) => id));
  for (const name of Object.keys(trees)) assert.ok(started.has(`${name}-1`), name);
  await app.must('down');
  await app.requireEnded();
});

test('SIGTERM to a controller without a terminal ends everything', async () => {
  await using app = await AppFolder.create(file);
  await app.must('up', '--detach');
  process.kill(app.controllerPid() ?? 0, 'SIGTERM');
  await app.requireEnded();
});

async function inForeground(app: AppFolder): Promise<Running> {
  const up = app.start(['up']);
  await eventually('everything is up', () => up.output().includes('Ctrl-C ends everything'));
  return up;
}
