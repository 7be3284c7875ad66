/**
 * What the verbs do when there is no controller, or two of them begin at once, and which processes are
 * never touched: those that only look like ours.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppFolder } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { services } from '../support/services.ts';
import { identify } from '../../src/platform/machine/process-identity.ts';

const file = `name: app
services:
  counter: { run: ${JSON.stringify(services.counter)} }
`;

test('without its controller, status names what runs, verbs that need it say so, and down ends all', async () => {
  await using app = await AppFolder.create(file);
  await app.must('up', '--detach');
  await app.killController();
  const pids = app.pids();
  const status = await app.run(['status']);
  assert.equal(status.code, 2);
  assert.deepEqual(Object.keys(pids).toSorted(), ['counter-1', 'counter-2', 'router']);
  for (const [id, pid] of Object.entries(pids))
    assert.match(status.stderr, new RegExp(`${id} \\(pid ${pid}\\)`));
  assert.match(status.stderr, /holdfast up.*holdfast down/);
  for (const verb of [
    ['scale', 'counter=3'],
    ['restart', 'counter'],
    ['explain', 'alice'],
    ['migrate', 'run'],
  ]) {
    const { code, stderr } = await app.run(verb);
    assert.equal(code, 2, verb.join(' '));
    assert.match(stderr, /does not run here/);
  }
  await app.must('down');
  await app.requireEnded();
});

test('up of an application that runs says so at once when the controller dies, instead of waiting on', async () => {
  await using app = await AppFolder.create(file);
  await app.must('up', '--detach');
  await app.edit('services:', `services:\n  slow: { run: ${JSON.stringify(services.neverReady)} }`);
  await app.edit('router:', 'routes: { /: counter }\nrouter:');
  const up = app.start(['up', '--detach']);
  await eventually('the new service starts', () => 'slow-1' in app.pids());
  await app.killController();
  const { code, stderr } = await up.result;
  assert.equal(code, 1);
  assert.match(stderr, /the controller has ended.*holdfast up.*holdfast down/);
});

test('down and status of an application that does not run say so and harm nothing', async () => {
  await using app = await AppFolder.create(file);
  assert.equal((await app.run(['status'])).code, 2);
  assert.equal((await app.run(['down'])).code, 0);
  assert.equal((await app.run(['down'])).code, 0);
});

test('of two detached ups at once one becomes the controller, and both end well', async () => {
  await using app = await AppFolder.create(file);
  const both = await Promise.all([
    app.run(['up', '--detach', '--json']),
    app.run(['up', '--detach', '--json']),
  ]);
  for (const { code, stdout, stderr } of both) {
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { state: string }).state, 'ready');
  }
  const controllers = app.processes().filter(({ command }) => command.includes('controller'));
  assert.equal(controllers.length, 1);
  assert.deepEqual(Object.keys(app.pids()).toSorted(), ['counter-1', 'counter-2', 'router']);
});

test('of a detached up and one in the foreground at once both get there, and down ends both', async () => {
  await using app = await AppFolder.create(file);
  const foreground = app.start(['up']);
  const detached = await app.run(['up', '--detach']);
  assert.equal(detached.code, 0, detached.stderr);
  await eventually('the one in the foreground shows the address', () =>
    foreground.output().includes('http://'),
  );
  assert.deepEqual(Object.keys(app.pids()).toSorted(), ['counter-1', 'counter-2', 'router']);
  await app.must('down');
  assert.equal((await foreground.result).code, 0);
  await app.requireEnded();
});

test('a process that got the pid of a dead instance is never killed', async () => {
  await using app = await AppFolder.create(file);
  await using stranger = await startStranger();
  await app.must('up', '--detach');
  await app.killController();
  const { identity } = await replaceProcess(app, 'counter-1', stranger.pid);
  assert.notEqual(identify(stranger.pid)?.startTicks, identity.startTicks);
  await app.must('up', '--detach');
  assert.notEqual(app.pids()['counter-1'], stranger.pid, 'the dead instance was started anew');
  assert.ok(stranger.runs());
  await app.killController();
  await replaceProcess(app, 'counter-2', stranger.pid);
  await app.must('down');
  assert.ok(stranger.runs());
  await app.requireEnded();
});

test('a process whose start could not be noted any more is adopted by its mark, named, and ended', async () => {
  await using app = await AppFolder.create(file);
  await app.must('up', '--detach');
  await app.killController();
  const before = app.pids();
  await changeRecord(app, 'counter-1', { identity: undefined });
  assert.match((await app.run(['status'])).stderr, /counter-1/);
  await app.must('up', '--detach');
  assert.deepEqual(app.pids(), before);
  await app.killController();
  await changeRecord(app, 'counter-1', { identity: undefined });
  await app.must('down');
  await app.requireEnded();
});

test('a record of a process that was never started is no obstacle', async () => {
  await using app = await AppFolder.create(file);
  await app.must('up', '--detach');
  await app.killController();
  const { 'counter-1': pid = 0 } = app.pids();
  process.kill(pid, 'SIGKILL');
  await changeRecord(app, 'counter-1', { identity: undefined });
  await app.must('up', '--detach');
  assert.deepEqual(Object.keys(app.pids()).toSorted(), ['counter-1', 'counter-2', 'router']);
});

interface Identity {
  readonly pid: number;
  readonly startTicks: number;
}

async function changeRecord(app: AppFolder, id: string, change: object): Promise<{ identity: Identity }> {
  const path = join(app.state.processes, `${id}.json`);
  const record = { ...(JSON.parse(await readFile(path, 'utf8')) as { identity: Identity }), ...change };
  await writeFile(path, JSON.stringify(record));
  return record;
}

/** Ends an instance and lets its record name another process, as if the system had used its pid again. */
async function replaceProcess(app: AppFolder, id: string, by: number): Promise<{ identity: Identity }> {
  const pid = app.pids()[id] ?? 0;
  process.kill(pid, 'SIGKILL');
  await eventually(`${id} is gone`, () => app.pids()[id] === undefined);
  const { identity } = await changeRecord(app, id, {});
  return changeRecord(app, id, { identity: { ...identity, pid: by } });
}

interface Stranger extends AsyncDisposable {
  readonly pid: number;
  runs(): boolean;
}

/** A process of its own group that has nothing to do with any application. */
async function startStranger(): Promise<Stranger> {
  const child: ChildProcess = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
    detached: true,
    stdio: 'ignore',
  });
  await once(child, 'spawn');
  return {
    pid: child.pid ?? 0,
    runs: () =>
      child.exitCode === null && child.signalCode === null && identify(child.pid ?? 0) !== undefined,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      if (child.kill('SIGKILL')) await ended;
    },
  };
}
