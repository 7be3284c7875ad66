/** One service that fails is no trouble of the others, says what is wrong with it, and comes up once it is mended. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askAs } from '../routing/load.ts';
import { AppFolder } from '../support/app-folder.ts';
import { quoted, services } from '../support/services.ts';
import { instanceOf, pidChanges, serviceOf, statusWhen } from './support.ts';

const withService = (run: string, start = '10s'): string => `name: shop
services:
  shop: { run: "${services.counter}", instances: { min: 1 } }
  extra: { run: "${run}", instances: { min: 1 }, health: { start: ${start} } }
routes: { /: shop, /extra: extra }
`;

test('a service that crashes again and again is named with its last lines, and the others run on', async () => {
  await using app = await AppFolder.create(withService(services.crashing));
  const up = await app.run(['up', '--detach']);
  assert.equal(up.code, 1);
  assert.match(
    up.stderr,
    /Not everything is ready:[^]*extra-1: dead: exit code 1[^]*See: holdfast logs extra/,
  );
  assert.match(up.stdout, /http:/, 'what runs can be reached');

  let status = await app.run(['status']);
  // For a moment it is being started once more.
  for (let again = 0; again < 20 && !status.stdout.includes('exit code 1'); again += 1)
    status = await app.run(['status']);
  assert.equal(status.code, 1);
  assert.match(
    status.stdout,
    /extra-1 [^]*exit code 1[^]*last lines of extra-1\n +the configuration is missing/,
  );
  const port = await app.routerPort();
  assert.equal((await askAs(port, 'alice')).status, 200);
  const refused = await askAs(port, 'alice', { path: '/extra' });
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1']);
  const before = app.pids()['shop-1'];

  await app.edit(services.crashing, services.counter);
  await app.must('up', '--detach');
  assert.equal((await askAs(port, 'alice', { path: '/extra' })).status, 200);
  assert.equal(app.pids()['shop-1'], before, 'the other service was not touched');
  assert.equal((await app.run(['status'])).code, 0);
});

test('a service whose code was mended comes up with the next `up`, although the file is the same', async () => {
  const counter = new URL('../fixtures/counter.ts', import.meta.url).href;
  await using app = await AppFolder.create(withService(`${quoted(process.execPath)} extra.mjs`), {
    files: { 'extra.mjs': 'process.exit(1);\n' },
  });
  assert.equal((await app.run(['up', '--detach'])).code, 1);
  await app.write('extra.mjs', `await import(${JSON.stringify(counter)});\n`);
  await app.must('up', '--detach');
  assert.equal((await askAs(await app.routerPort(), 'alice', { path: '/extra' })).status, 200);
});

test('a service that dies is started again after pauses that grow', async () => {
  await using app = await AppFolder.create(withService(services.counter));
  await app.must('up', '--detach');
  await app.edit(`extra: { run: "${services.counter}"`, `extra: { run: "${services.crashing}"`);
  const up = app.start(['up', '--detach']);
  const pauses: number[] = [];
  for (const failures of [1, 2, 3]) {
    const died = await statusWhen(app, `death ${failures}`, (status) =>
      serviceOf(status, 'extra').instances.some((i) => i.state === 'dead' && i.failures === failures),
    );
    const dead = serviceOf(died, 'extra').instances.find(({ state }) => state === 'dead');
    const next = await statusWhen(
      app,
      `a start after death ${failures}`,
      (status) => instanceOf(status, dead?.id ?? '').incarnation !== dead?.incarnation,
    );
    pauses.push(instanceOf(next, dead?.id ?? '').since - (dead?.since ?? 0));
  }
  const [first = 0, second = 0, third = 0] = pauses;
  assert.ok(first < second && second < third, pauses.join(', '));
  assert.equal((await up.result).code, 1);
});

test('a service that never gets ready is given up after its start time, named, and the others run on', async () => {
  await using app = await AppFolder.create(withService(services.neverReady, '1s'));
  const up = await app.run(['up', '--detach']);
  assert.equal(up.code, 1);
  assert.match(up.stderr, /extra-1: [^\n]*not ready within 1 s/);
  const status = await app.run(['status']);
  assert.match(status.stdout, /last lines of extra-1\n +waits for something that never comes/);
  const port = await app.routerPort();
  assert.equal((await askAs(port, 'alice')).status, 200);
  const before = app.pids();

  await app.edit(services.neverReady, services.counter);
  await app.must('up', '--detach');
  assert.equal((await askAs(port, 'alice', { path: '/extra' })).status, 200);
  assert.deepEqual(
    pidChanges(before, app.pids()).filter((id) => !id.startsWith('extra-')),
    [],
  );
});
