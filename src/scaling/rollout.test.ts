import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { InstanceObservation, InstanceState } from '../platform/observation.ts';
import { planRollout, type InstanceStep, type RolloutWanted } from './rollout.ts';

const wanted: RolloutWanted = {
  service: 'login',
  count: 2,
  template: 'new',
  startsAtOnce: Infinity,
  startWithin: 30_000,
  leaveWithin: 60_000,
  stopWithin: 10_000,
};

const NOW = 1_000_000;

function instance(
  ordinal: number,
  state: InstanceState,
  more: Partial<InstanceObservation> = {},
): InstanceObservation {
  return {
    id: `login-${ordinal}`,
    service: 'login',
    ordinal,
    incarnation: `i${ordinal}`,
    template: 'new',
    state,
    since: NOW - 1_000,
    startedAt: NOW - 1_000,
    host: '127.0.0.1',
    port: 20_000 + ordinal,
    failures: 0,
    hung: false,
    signalled: state === 'stopping',
    failed: false,
    ...more,
  };
}

const nobody = (): { drained: boolean; users: number } => ({ drained: true, users: 0 });
const busy = (): { drained: boolean; users: number } => ({ drained: false, users: 7 });

function steps(
  instances: InstanceObservation[],
  over: Partial<RolloutWanted> = {},
  traffic = busy,
): string[] {
  return planRollout({ ...wanted, ...over }, instances, traffic, NOW).map(short);
}

function short(step: InstanceStep): string {
  return step.kind === 'start-instance'
    ? `start ${step.service}-${step.ordinal}`
    : `${step.kind.replace('-instance', '')} ${step.id}`;
}

test('an application that is as wanted needs nothing', () => {
  assert.deepEqual(steps([instance(1, 'ready'), instance(2, 'ready')]), []);
});

test('all missing instances are started at once when none is there', () => {
  assert.deepEqual(steps([], { count: 3 }), ['start login-1', 'start login-2', 'start login-3']);
});

test('while others serve, only so many start at a time', () => {
  const few = { count: 5, startsAtOnce: 2 };
  assert.deepEqual(steps([], few).length, 5);
  assert.deepEqual(steps([instance(1, 'ready')], few), ['start login-2', 'start login-3']);
  const begun = [instance(1, 'ready'), instance(2, 'starting')];
  assert.deepEqual(steps(begun, few), ['start login-3']);
  assert.deepEqual(steps([...begun, instance(3, 'starting')], few), []);
  assert.deepEqual(
    steps([instance(1, 'ready'), instance(2, 'dead'), instance(3, 'starting')], { ...few, startsAtOnce: 1 }),
    [],
  );
});

test('one that starts slowly keeps the others waiting for a while only', () => {
  const slow = instance(2, 'starting', { startedAt: NOW - 2_000 });
  assert.deepEqual(steps([instance(1, 'ready'), slow], { count: 3, startsAtOnce: 1 }), ['start login-3']);
});

test('a free number is used again', () => {
  assert.deepEqual(steps([instance(2, 'ready')]), ['start login-1']);
});

test('scaling down retires the highest numbers and gives them the whole drain time', () => {
  const plan = planRollout(
    wanted,
    [1, 2, 3, 4].map((n) => instance(n, 'ready')),
    busy,
    NOW,
  );
  assert.deepEqual(plan.map(short), ['retire login-3', 'retire login-4']);
  assert.ok(plan.every((step) => step.kind === 'retire-instance' && step.leaveBy === NOW + 60_000));
});

test('scaling down prefers those that are not ready', () => {
  assert.deepEqual(steps([instance(1, 'unready'), instance(2, 'ready'), instance(3, 'ready')]), [
    'retire login-1',
  ]);
});

test('an outdated instance stays until a new one is ready', () => {
  const old = [1, 2].map((n) => instance(n, 'ready', { template: 'old' }));
  assert.deepEqual(steps(old), ['start login-3']);
  assert.deepEqual(steps([...old, instance(3, 'starting')]), []);
  assert.deepEqual(steps([...old, instance(3, 'ready')]), ['retire login-2']);
});

test('a new version that never gets ready leaves the old one alone', () => {
  const old = [1, 2].map((n) => instance(n, 'ready', { template: 'old' }));
  const broken = instance(3, 'dead', { failures: 3, since: NOW - 100 });
  assert.deepEqual(steps([...old, broken]), []);
});

test('a leaving instance keeps its users until they are gone or the drain time is over', () => {
  const others = [instance(1, 'ready'), instance(2, 'ready')];
  const leaving = instance(3, 'leaving', { leaveBy: NOW + 1 });
  assert.deepEqual(steps([...others, leaving]), []);
  assert.deepEqual(steps([...others, leaving], {}, nobody), ['stop login-3']);
  assert.deepEqual(steps([...others, instance(3, 'leaving', { leaveBy: NOW })]), ['stop login-3']);
});

test('a leaving instance comes back when it is wanted again', () => {
  const leaving = instance(3, 'leaving', { leaveBy: NOW + 9_000 });
  assert.deepEqual(steps([instance(1, 'ready'), instance(2, 'ready'), leaving], { count: 3 }), [
    'rejoin login-3',
  ]);
});

test('a dead instance is started again at once, and later after each further failure', () => {
  const other = instance(1, 'ready');
  assert.deepEqual(steps([other, instance(2, 'dead', { failures: 0 })]), ['start login-2']);
  assert.deepEqual(steps([other, instance(2, 'dead', { failures: 2, since: NOW - 999 })]), []);
  assert.deepEqual(steps([other, instance(2, 'dead', { failures: 2, since: NOW - 1_000 })]), [
    'start login-2',
  ]);
});

test('an instance that does not get ready in time is ended, and that counts as a failure', () => {
  const slow = instance(2, 'starting', { startedAt: NOW - 30_001 });
  const [step] = planRollout(wanted, [instance(1, 'ready'), slow], busy, NOW);
  assert.ok(step?.kind === 'stop-instance' && step.failure && step.id === 'login-2');
});

test('while an instance that did not get ready ends, no other takes its place: it is started again itself', () => {
  const ending = instance(2, 'stopping', { failed: true });
  assert.deepEqual(steps([instance(1, 'ready'), ending]), []);
  // One that had users and hangs is replaced at once.
  assert.deepEqual(steps([instance(1, 'ready'), { ...ending, hung: true }]), ['start login-3']);
});

test('an instance that ignores SIGTERM is killed when its time is over', () => {
  const others = [instance(1, 'ready'), instance(2, 'ready')];
  assert.deepEqual(steps([...others, instance(3, 'stopping', { since: NOW - 10_000 })]), []);
  assert.deepEqual(steps([...others, instance(3, 'stopping', { since: NOW - 10_001 })]), ['kill login-3']);
});

test('an instance that is to end but was not told, because the controller died, is told', () => {
  const untold = instance(3, 'stopping', { signalled: false, since: NOW - 60_000 });
  assert.deepEqual(steps([instance(1, 'ready'), instance(2, 'ready'), untold]), ['stop login-3']);
});

/** Carries a plan out as a machine would, and lets time do its work on what is left. */
function play(
  instances: InstanceObservation[],
  plan: readonly InstanceStep[],
  now: number,
): InstanceObservation[] {
  const later = new Map(
    instances.map((i) => [i.id, i.state === 'starting' ? { ...i, state: 'ready' as const } : i]),
  );
  for (const step of plan) {
    if (step.kind === 'start-instance') {
      later.set(`login-${step.ordinal}`, instance(step.ordinal, 'starting', { startedAt: now }));
      continue;
    }
    const known = later.get(step.id);
    if (known === undefined) continue;
    if (step.kind === 'retire-instance')
      later.set(step.id, { ...known, state: 'leaving', leaveBy: step.leaveBy });
    else if (step.kind === 'rejoin-instance') later.set(step.id, { ...known, state: 'ready' });
    else later.delete(step.id);
  }
  return [...later.values()];
}

const states: InstanceState[] = ['starting', 'ready', 'unready', 'leaving', 'stopping', 'dead'];
const anyInstances = fc
  .uniqueArray(fc.integer({ min: 1, max: 8 }), { maxLength: 8 })
  .chain((ordinals) =>
    fc.tuple(
      ...ordinals.map((ordinal) =>
        fc
          .record({ state: fc.constantFrom(...states), template: fc.constantFrom('old', 'new') })
          .map(({ state, template }) => instance(ordinal, state, { template, leaveBy: NOW })),
      ),
    ),
  );

test('from any situation it ends with as many ready instances as wanted, all of the wanted template', () => {
  fc.assert(
    fc.property(anyInstances, fc.integer({ min: 1, max: 5 }), (start, count) => {
      let seen: InstanceObservation[] = start;
      for (let now = NOW; now < NOW + 60 * 15_000; now += 15_000)
        seen = play(seen, planRollout({ ...wanted, count }, seen, nobody, now), now).map((i) =>
          i.state === 'unready' ? { ...i, state: 'ready' } : i,
        );
      assert.equal(seen.length, count);
      assert.ok(seen.every((i) => i.state === 'ready' && i.template === 'new'));
    }),
  );
});

/** Whether a round takes a ready instance away although too few others are ready. */
function endangers(before: InstanceObservation[], plan: readonly InstanceStep[], count: number): boolean {
  const gone = new Set(
    plan.flatMap((s) => (s.kind === 'retire-instance' || s.kind === 'stop-instance' ? [s.id] : [])),
  );
  const ready = before.filter((i) => i.state === 'ready');
  const left = ready.filter((i) => !gone.has(i.id));
  return left.length < Math.min(count, ready.length);
}

test('no round takes a ready instance away that is needed', () => {
  fc.assert(
    fc.property(anyInstances, fc.integer({ min: 1, max: 5 }), (start, count) => {
      assert.ok(!endangers(start, planRollout({ ...wanted, count }, start, busy, NOW), count));
    }),
  );
});

test('the checker catches a rollout that retires all outdated instances at once', () => {
  const old = [1, 2].map((n) => instance(n, 'ready', { template: 'old' }));
  const reckless = old.map((i): InstanceStep => ({
    kind: 'retire-instance',
    id: i.id,
    leaveBy: NOW,
    reason: 'outdated',
  }));
  assert.ok(endangers(old, reckless, 2));
});
