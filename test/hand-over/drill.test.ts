/**
 * The drills of the hand-over with many live sessions: more instances, fewer, all of them new, one killed, and another
 * when there are copies again. `HOLDFAST_SESSIONS` says how many sessions. What is asserted: none is lost, no
 * acknowledged write is lost, nothing is run twice, and nothing fails but what is at an instance when it is killed, which
 * is counted: users who come later are let wait, not refused. Times are told, not judged.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { statusWhen } from '../machine-services/support.ts';
import { eventually } from '../support/haproxy.ts';
import { assertNothingLost, everybodyServed, isWhole, pidOf, underLoad, type Scene } from './notes-app.ts';

const SESSIONS = Number(process.env['HOLDFAST_SESSIONS'] ?? 500);
/** Requests in a second, of all users together. */
const RATE = 400;
/** So long is measured before each change; ms. */
const BEFORE_MS = 2_000;

/** Makes a change, waits until all is whole and everybody was served again, and tells how that went. */
async function during(t: TestContext, { app, load }: Scene, change: () => Promise<string>): Promise<void> {
  const before = load.p99(Date.now() - BEFORE_MS, Date.now());
  const failed = load.failures.length;
  const began = Date.now();
  const what = await change();
  const { services } = await statusWhen(app, `${what} is over`, isWhole);
  const ended = Date.now();
  const p99 = load.p99(began, ended);
  const failures = load.failures.slice(failed);
  const inFlight = failures.filter((failure) => failure.status !== 503).length;
  t.diagnostic(
    `${what}: ${ended - began} ms to epoch ${services[0]?.epoch}; p99 ${before} ms before, ${p99} ms during ` +
      `(x ${(p99 / before).toFixed(1)}), longest ${load.latencies(began, ended).at(-1)} ms; ` +
      `failed: ${inFlight} broken off, ${failures.length - inFlight} refused`,
  );
  await everybodyServed(load, ended);
}

test(`${SESSIONS} sessions under load: scaled, restarted and killed, nothing is lost`, async (t) => {
  await using scene = await underLoad({ users: SESSIONS, think: (SESSIONS / RATE) * 1000 });
  const { app, load } = scene;
  await everybodyServed(load, Date.now());
  for (const args of [
    ['scale', 'notes=4'],
    ['scale', 'notes=2'],
    ['restart', 'notes'],
  ])
    await during(t, scene, async () => {
      await app.must(...args);
      return args.join(' ');
    });
  assert.deepEqual(load.failures, []);
  for (const nth of ['one', 'another'])
    await during(t, scene, async () => {
      const id = Object.keys(app.pids()).find((name) => name.startsWith('notes-')) ?? '';
      const pid = pidOf(app, id);
      process.kill(pid, 'SIGKILL');
      await eventually('somebody takes its place', () => ![undefined, pid].includes(app.pids()[id]));
      return `kill -9 of ${nth} instance`;
    });
  const refused = load.failures.filter(({ status }) => ![0, 502].includes(status));
  assert.ok(refused.length < SESSIONS / 10, `${refused.length} were refused: ${JSON.stringify(refused[0])}`);
  await assertNothingLost(scene);
});
