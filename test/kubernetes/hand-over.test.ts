/**
 * A service that hands its sessions over, on the cluster, under load while its instances come, go and die. What every
 * test asserts: no acknowledged write is lost, no request is run twice, and nothing fails but what an instance that was
 * killed would have answered, and what has waited in vain for a controller.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Pod } from '../../src/platform/kubernetes/observe/kinds.ts';
import { until } from '../cluster/until.ts';
import { hasWaitedInVain, NoteLoad } from '../hand-over/note-load.ts';
import { runTwice } from '../session/support/load.ts';
import { controllers, killController, leader, successor } from './support/controllers.ts';
import { startHoldfast, type Holdfast } from './support/holdfast.ts';
import { NotesApp } from './support/notes-app.ts';
import { killIn } from './support/pod-processes.ts';

const USERS = 200;
const ANSWERED_WITHIN = 60_000;
/** Of a warm-up; on a machine that is busy some fall into one. */
const STEPS = 10;

describe('sessions that are handed over', () => {
  const resources = new AsyncDisposableStack();
  let holdfast: Holdfast;
  let app: NotesApp;
  let load: NoteLoad;
  /** Goes on beside everything else. */
  let warming: Promise<number[]>;

  before(async () => {
    holdfast = resources.use(await startHoldfast());
    app = resources.use(await NotesApp.start(holdfast));
    warming = app.warmUp();
    // It is judged by its own test.
    warming.catch(() => undefined);
    load = new NoteLoad({ host: await app.host(), port: 80, users: USERS, think: 400 });
    resources.defer(() => load.end());
    await until('everybody has a session', ANSWERED_WITHIN, () =>
      Promise.resolve(load.users.every(({ acknowledged }) => acknowledged.length > 0)),
    );
  });
  after(() => resources.disposeAsync());

  /** What failed since; tells how it went. */
  const failedSince = (t: TestContext, what: string, began: number): string[] => {
    const latencies = load.latencies(began, Date.now());
    const failed = load.failures.filter(({ at }) => at >= began);
    t.diagnostic(
      `${what}: ${Date.now() - began} ms, ${latencies.length} answers, p99 ${latencies[Math.floor(latencies.length * 0.99)]} ms, ` +
        `longest ${latencies.at(-1)} ms; ${failed.length} failed, the last ${(failed.at(-1)?.at ?? began) - began} ms after the beginning`,
    );
    const kinds = Map.groupBy(failed, ({ status, text }) => `${status} ${text.slice(0, 60)}`);
    for (const [kind, these] of kinds) t.diagnostic(`${these.length} times ${kind}`);
    return failed.map(({ status, text }) => `${status} ${text}`);
  };

  const everybodyAnswers = (since: number): Promise<void> =>
    until('everybody is answered', ANSWERED_WITHIN, () =>
      Promise.resolve(load.isEverybodyServedSince(since)),
    );

  const nodeOf = (pod: Pod | undefined): string => pod?.spec.nodeName ?? '';
  const nodeOfLeader = async (): Promise<string> => {
    const name = await leader(holdfast);
    return nodeOf((await controllers(holdfast)).find(({ metadata }) => metadata.name === name));
  };

  it('more instances, fewer, and all of them new: nobody notices', async (t) => {
    for (const count of [4, 2]) {
      const began = Date.now();
      await app.scale(count);
      await app.whole(count);
      assert.deepEqual(failedSince(t, `scale to ${count}`, began), []);
    }
    const old = new Set((await app.pods()).map(({ metadata }) => metadata.uid ?? ''));
    const began = Date.now();
    await app.restart();
    await app.whole(2, { without: old });
    assert.deepEqual(failedSince(t, 'restart', began), []);
    assert.deepEqual(load.lost, []);
  });

  it('a new instance of another service warms up by tenths, and never loses what it has', async (t) => {
    const shares = await warming;
    t.diagnostic(shares.map((share) => share.toFixed(3)).join(', '));
    // So many tenths of what the other one has. A step that is due while the controller is busy is left out.
    const steps = Array.from({ length: STEPS }, (_, index) => (index + 1) / (index + 1 + STEPS));
    for (const share of shares)
      assert.ok(
        steps.some((step) => Math.abs(share - step) < 0.001),
        `it had ${share}`,
      );
    assert.ok((shares[0] ?? 1) < (steps[STEPS / 2] ?? 0), `it began with ${shares[0]}`);
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => a - b),
    );
    assert.ok(shares.length > STEPS / 2, `${shares.length} steps`);
  });

  const crashes: Readonly<Record<string, (pod: Pod) => Promise<void>>> = {
    'the process is killed': (pod) => killIn(pod, 'notes.ts'),
    'the pod is deleted without grace': (pod) => app.remove(pod),
  };
  for (const [what, crash] of Object.entries(crashes))
    it(`${what}: what was acknowledged is there`, async (t) => {
      const [pod] = await app.pods();
      assert.ok(pod !== undefined);
      const epoch = (await app.service())?.epoch ?? 0;
      const began = Date.now();
      await crash(pod);
      await until('everybody is served again', ANSWERED_WITHIN, () =>
        Promise.resolve(
          load.users.every(({ name }) =>
            load.answered.some((answer) => answer.user === name && answer.began > began),
          ),
        ),
      );
      t.diagnostic(`everybody was answered ${load.slowestSince(began)} ms after`);
      await until('it is replaced', ANSWERED_WITHIN, async () => ((await app.service())?.epoch ?? 0) > epoch);
      await app.whole(2);
      const failed = failedSince(t, what, began);
      assert.ok(
        failed.every((text) => /^(0|502|503) /.test(text)),
        failed.join('\n'),
      );
      assert.deepEqual(load.lost, []);
    });

  it('a controller that dies while slots move leaves nothing behind that stays', async (t) => {
    const began = Date.now();
    const epoch = (await app.service())?.epoch ?? 0;
    await app.scale(4);
    await until('slots move', ANSWERED_WITHIN, async () => ((await app.service())?.epoch ?? 0) > epoch);
    const before = (await leader(holdfast)) ?? '';
    await killController(holdfast, before);
    await successor(holdfast, before);
    await app.whole(4);
    const whole = Date.now();
    failedSince(t, 'another controller', began);
    // Slots that were just moving stand still until there is a controller, which takes longer on a busy machine.
    assert.deepEqual(
      load.failures.filter((failure) => failure.at >= began && !hasWaitedInVain(failure, whole)),
      [],
    );
  });

  it('a node is lost: its users are served by who has the copies, which are restored on the other', async (t) => {
    await app.scale(4);
    await app.whole(4);
    // What is looked at is not which controller leads next.
    const router = await app.someRouter(await nodeOfLeader());
    const dead = router.node === 'node1' ? 'node2' : 'node1';
    assert.deepEqual(new Set((await app.pods()).map(nodeOf)), new Set([router.node, dead]));
    await until(
      'no node has the only copies',
      ANSWERED_WITHIN,
      async () => (await app.slotsOnOneNode()) === 0,
    );
    load.goTo(router.host, 8080);
    await everybodyAnswers(Date.now());
    const began = Date.now();
    await holdfast.cluster.killNode(Number(dead.replace('node', '')));
    try {
      await everybodyAnswers(Date.now());
      t.diagnostic(`everybody was answered ${load.slowestSince(began)} ms after`);
      await app.whole(4, { lost: dead });
      t.diagnostic(`there are two of everything ${Date.now() - began} ms after`);
      const failed = failedSince(t, 'a node is lost', began);
      assert.ok(
        failed.every((text) => /^(0|502|503|504) /.test(text)),
        failed.join('\n'),
      );
    } finally {
      await holdfast.cluster.reviveNode(Number(dead.replace('node', '')));
    }
    assert.deepEqual(load.lost.slice(0, 10), []);
  });

  it('a node whose kubelet stands still is given up: nobody notices', async (t) => {
    const old = new Set((await app.pods()).map(({ metadata }) => metadata.uid ?? ''));
    await app.restart();
    await app.whole(4, { without: old });
    const router = await app.someRouter(await nodeOfLeader());
    const silent = router.node === 'node1' ? 'node2' : 'node1';
    assert.deepEqual(new Set((await app.pods()).map(nodeOf)), new Set([router.node, silent]));
    load.goTo(router.host, 8080);
    await everybodyAnswers(Date.now());
    const began = Date.now();
    await holdfast.cluster.stopKubelet(Number(silent.replace('node', '')));
    try {
      await app.whole(4, { lost: silent });
      await everybodyAnswers(Date.now());
      assert.deepEqual(failedSince(t, 'a kubelet stands still', began), []);
    } finally {
      await holdfast.cluster.startKubelet(Number(silent.replace('node', '')));
    }
    assert.deepEqual(load.lost.slice(0, 10), []);
  });

  it('has lost nothing, and run nothing twice', async () => {
    await load.end();
    const failed = load.failures.length;
    await load.checkAll();
    assert.equal(load.failures.length, failed);
    assert.deepEqual(load.lost, []);
    assert.ok(load.acknowledged > 10 * USERS, `${load.acknowledged} were acknowledged`);
    const ran = [...app.lines.values()];
    assert.deepEqual(runTwice(ran), []);
    const appended = ran.flat().filter((line) => line.startsWith('/append')).length;
    assert.ok(appended >= 0.9 * load.acknowledged, `the logs tell of ${appended} of ${load.acknowledged}`);
  });
});
