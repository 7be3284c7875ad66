/**
 * A service that hands sessions over, on a machine, under load while its instances come, go and die. What every test
 * asserts: no acknowledged write is lost, no request is run twice, and nothing fails but what was in flight at an
 * instance that was killed, or has waited in vain for a controller.
 */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { statusWhen } from '../machine-services/support.ts';
import type { AppFolder } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { hasWaitedInVain } from './note-load.ts';
import { assertNothingLost, everybodyServed, isWhole, pidOf, underLoad, type Scene } from './notes-app.ts';

const USERS = 300;
const THINK_MS = 300;

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

async function scene(handoff = true): Promise<Scene> {
  return resources.use(await underLoad({ users: USERS, think: THINK_MS, handoff }));
}

function kill(app: AppFolder, id: string): number {
  process.kill(pidOf(app, id), 'SIGKILL');
  return Date.now();
}

test('more instances, fewer, and all of them new: nobody notices', async (t) => {
  const notes = await scene();
  const { app, load } = notes;
  for (const args of [
    ['scale', 'notes=4'],
    ['scale', 'notes=2'],
    ['restart', 'notes'],
  ]) {
    const began = Date.now();
    await app.must(...args);
    const status = await statusWhen(app, `${args.join(' ')} is over`, isWhole);
    const ended = Date.now();
    t.diagnostic(
      `${args.join(' ')}: ${ended - began} ms, epoch ${status.services[0]?.epoch}, p99 ${load.p99(began, ended)} ms, ` +
        `longest ${load.latencies(began, ended).at(-1)} ms`,
    );
  }
  assert.deepEqual(load.failures, []);
  await assertNothingLost(notes);
});

test('instances are killed one after the other: what was acknowledged is there', async (t) => {
  const notes = await scene();
  const { app, load } = notes;
  for (const id of ['notes-1', 'notes-2']) {
    const before = load.failures.length;
    const at = kill(app, id);
    await eventually('everybody is served again', () => load.isEverybodyServedSince(at));
    t.diagnostic(`${id}: everybody answered ${load.slowestSince(at)} ms after it was killed`);
    t.diagnostic(
      `${load.failures.length - before} requests failed, the last ${(load.failures.at(-1)?.at ?? at) - at} ms after`,
    );
    await statusWhen(app, 'there are copies again', isWhole);
  }
  assert.ok(
    load.failures.every(({ status }) => [0, 502, 503].includes(status)),
    JSON.stringify(load.failures),
  );
  await assertNothingLost(notes);
});

test('without hand-over a killed instance takes its sessions with it', async () => {
  const { app, load } = await scene(false);
  kill(app, 'notes-1');
  await eventually('sessions are lost', () => load.lost.length > 0);
});

test('a controller that is killed while slots move leaves nothing behind that stays', async () => {
  const notes = await scene();
  const { app, load } = notes;
  for (const count of [4, 2]) {
    const failed = load.failures.length;
    const before = (await app.status()).services[0]?.epoch ?? 0;
    const scaling = app.start(['scale', `notes=${count}`]);
    await statusWhen(app, 'slots move', ({ services: [service] }) => (service?.epoch ?? 0) > before);
    await app.killController();
    await scaling.result;
    await app.must('up', '--detach');
    await statusWhen(app, 'it is whole again', isWhole);
    const whole = Date.now();
    await everybodyServed(load, whole);
    // Slots that were just moving stand still until there is a controller, which takes longer on a busy machine.
    assert.deepEqual(
      load.failures.slice(failed).filter((failure) => !hasWaitedInVain(failure, whole)),
      [],
    );
  }
  await assertNothingLost(notes);
});

test('an instance that stands still is replaced, and does no harm when it goes on', async (t) => {
  const notes = await scene();
  const { app, load } = notes;
  await app.must('scale', 'notes=3');
  await statusWhen(app, 'there are three', isWhole);
  const pid = app.pids()['notes-1'];
  assert.ok(pid !== undefined);
  const at = Date.now();
  process.kill(pid, 'SIGSTOP');
  try {
    await statusWhen(app, 'others have what it had', ({ services: [service] }) => {
      const frozen = service?.instances.find(({ id }) => id === 'notes-1');
      return frozen?.share === 0 && service?.copies?.alone === 0;
    });
    t.diagnostic(`replaced ${Date.now() - at} ms after it stood still`);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await statusWhen(app, 'it has a share again', (status) => {
    const share = status.services[0]?.instances.find(({ id }) => id === 'notes-1')?.share ?? 0;
    return isWhole(status) && share > 0.3;
  });
  assert.ok(
    load.failures.every(({ status }) => [0, 502, 503].includes(status)),
    JSON.stringify(load.failures),
  );
  await assertNothingLost(notes);
});
