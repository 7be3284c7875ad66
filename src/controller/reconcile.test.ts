/**
 * Whole rounds on a simulated cluster: the real plan, platform and memory; Kubernetes is simulated. The
 * promises that must hold at every moment are in test/simulation/promises.ts and checked all the time.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { disturb, disturbance, release, type Disturbance } from '../../test/simulation/disturbance.ts';
import type { Variant } from '../../test/simulation/simulated-controller.ts';
import {
  digestOf,
  releaseOf,
  Simulation,
  specOf,
  type Release,
  type SimulatedDeployment,
  type SimulationOptions,
} from '../../test/simulation/simulation.ts';

/** Stories that each property is tried with. */
const STORIES = 15;
/** More than an installation or a release of the simulated application takes. */
const MOST_WRITES = 60;
const FIRST: Release = { number: 1, kind: 'good', files: 1, more: false };
const SECOND: Release = { number: 2, kind: 'good', files: 2, more: true };

async function installed(first: Release = FIRST, options: SimulationOptions = {}): Promise<Simulation> {
  const simulation = new Simulation(options);
  simulation.release(first);
  await simulation.settle();
  return simulation;
}

async function released(simulation: Simulation, next: Release): Promise<void> {
  simulation.release(next);
  await simulation.settle();
}

type State = Readonly<Record<string, unknown>>;

/** What there is after a release that nothing has disturbed. */
async function undisturbed(last: Release, known: Map<string, State>): Promise<State> {
  const key = JSON.stringify(last);
  const state = known.get(key) ?? (await installed(last)).state();
  known.set(key, state);
  return state;
}

/** Services and routers, without the database and the Secrets, which follow what is wanted. */
function parts(state: State): State {
  const isFoundation = /^Secret |database$/;
  return Object.fromEntries(Object.entries(state).filter(([name]) => !isFoundation.test(name)));
}

interface Story {
  readonly isInstalled: boolean;
  readonly before: readonly Disturbance[];
  readonly last: Release;
  readonly after: readonly Disturbance[];
}

const story: fc.Arbitrary<Story> = fc.record({
  isInstalled: fc.boolean(),
  before: fc.array(disturbance, { maxLength: 25 }),
  last: release,
  after: fc.array(
    disturbance.filter(({ act }) => act !== 'release'),
    { maxLength: 15 },
  ),
});

async function told({ isInstalled, before, last, after }: Story): Promise<Simulation> {
  const simulation = new Simulation();
  simulation.release(FIRST);
  if (isInstalled) await simulation.settle();
  await disturb(simulation, before);
  simulation.release(last);
  await disturb(simulation, after);
  await simulation.settle();
  return simulation;
}

test('whatever happens to controllers, a release ends as if nothing had happened', async () => {
  const known = new Map<string, State>();
  await fc.assert(
    fc.asyncProperty(story, async (all) => {
      const last: Release = { ...all.last, kind: 'good' };
      const simulation = await told({ ...all, last });
      assert.deepEqual(simulation.state(), await undisturbed(last, known));
      assert.deepEqual(simulation.memory, { inForce: specOf(last), accepted: specOf(last) });
      assert.equal(simulation.condition('Ready')?.status, 'True');
    }),
    { numRuns: STORIES },
  );
});

test('whatever happens to controllers, a bad release leaves what was accepted in force', async () => {
  const known = new Map<string, State>();
  await fc.assert(
    fc.asyncProperty(story, fc.constantFrom('fails', 'never-ready'), async (all, kind) => {
      const last: Release = { ...all.last, number: 9, files: 9, kind };
      const simulation = await told({ ...all, last, isInstalled: true });
      const { inForce, accepted, refused } = simulation.memory;
      assert.deepEqual(inForce, accepted);
      assert.equal(refused?.spec, kind === 'fails' ? undefined : digestOf(last));
      assert.equal(simulation.condition('Ready')?.status, 'False');
      const { status, reason } = simulation.condition('Stalled') ?? {};
      assert.deepEqual([status, reason], ['True', kind === 'fails' ? 'MigrationFailed' : 'RolledBack']);
      assert.deepEqual(
        parts(simulation.state()),
        parts(await undisturbed(releaseOf(inForce, goodReleases()), known)),
      );
    }),
    { numRuns: STORIES },
  );
});

/** All good releases that a story may tell of: nothing else is ever accepted. */
function goodReleases(): Release[] {
  const numbers = [1, 2, 3, 4].flatMap((number) => [1, 2, 3].map((files) => ({ number, files })));
  return numbers.flatMap((one) => [true, false].map((more): Release => ({ ...one, more, kind: 'good' })));
}

test('killed after each single write of an installation and of a release, it ends the same', async () => {
  const simulation = new Simulation();
  for (const next of [FIRST, SECOND]) {
    simulation.release(next);
    const [controller] = simulation.controllers;
    for (let writes = 0; writes < MOST_WRITES; writes += 1) {
      controller?.catchUp();
      await controller?.round({ dieAfter: 1 });
      simulation.check();
      if (writes % 4 === 0) simulation.tick();
    }
    await simulation.settle();
    assert.deepEqual(simulation.state(), (await installed(next)).state());
  }
});

test('an installation starts each instance once', async () => {
  assert.deepEqual(await starts({}), { 'shop-login': 2, 'shop-pages': 2, 'shop-router': 2 });
});

/** How many pods an installation makes of each Deployment. */
async function starts(options: SimulationOptions): Promise<Record<string, number>> {
  const simulation = new Simulation(options);
  simulation.release(FIRST);
  await step(simulation, 5);
  await simulation.settle();
  const names = new Map<string, Set<string>>();
  for (const { kind, name, object } of simulation.api.history) {
    const owner = object?.metadata.ownerReferences?.[0]?.name ?? '';
    if (kind === 'Pod' && owner !== 'shop-database')
      names.set(owner, new Set([...(names.get(owner) ?? []), name]));
  }
  return Object.fromEntries([...names].map(([owner, pods]) => [owner, pods.size]));
}

test('a failed set of migrations leaves every Deployment as it was', async () => {
  const simulation = await installed();
  const before = [simulation.deployment('login'), simulation.deployment('pages')];
  await released(simulation, { number: 2, kind: 'fails', files: 2, more: true });
  assert.deepEqual([simulation.deployment('login'), simulation.deployment('pages')], before);
  assert.match(simulation.condition('Ready')?.message ?? '', /V2__broken\.sql: statement 1 failed/);
  await released(simulation, SECOND);
  assert.equal(simulation.condition('Ready')?.status, 'True');
});

test('what was refused stays refused until the spec changes', async () => {
  const simulation = await installed();
  const bad: Release = { number: 2, kind: 'never-ready', files: 1, more: false };
  await released(simulation, bad);
  assert.deepEqual(simulation.memory.inForce, specOf(FIRST));
  assert.match(simulation.condition('RolledBack')?.message ?? '', /ImagePullBackOff.*until the spec changes/);
  for (let round = 0; round < 10; round += 1) {
    simulation.tick();
    await simulation.settle();
  }
  assert.deepEqual(simulation.memory.inForce, specOf(FIRST));
  await released(simulation, SECOND);
  assert.deepEqual(simulation.memory, { inForce: specOf(SECOND), accepted: specOf(SECOND) });
  assert.equal(simulation.condition('RolledBack'), undefined);
});

test('a second release during the first is not refused for what the first did not bring about', async () => {
  const simulation = await installed();
  simulation.release({ number: 2, kind: 'never-ready', files: 1, more: false });
  await step(simulation, 2);
  simulation.release({ number: 3, kind: 'fails', files: 3, more: false });
  await simulation.settle();
  const { inForce, accepted, refused } = simulation.memory;
  assert.deepEqual([inForce, accepted, refused], [specOf(FIRST), specOf(FIRST), undefined]);
  await released(simulation, SECOND);
  assert.deepEqual(simulation.memory, { inForce: specOf(SECOND), accepted: specOf(SECOND) });
});

/** Some rounds with a tick each. */
async function step(simulation: Simulation, times: number): Promise<void> {
  const [controller] = simulation.controllers;
  for (let n = 0; n < times; n += 1) {
    controller?.catchUp();
    await controller?.round();
    simulation.tick();
  }
}

test('a variable that is dropped from the file is gone from the instances', async () => {
  const simulation = await installed(SECOND);
  const names = (): string[] => {
    const [container] = simulation.deployment('login').spec.template.spec.containers;
    return (container?.env ?? []).map(({ name }) => name);
  };
  assert.deepEqual(names(), ['TOKEN', 'MORE', 'PORT', 'HOST', 'INSTANCE', 'DATABASE_URL', 'ROUTER_URL']);
  await released(simulation, FIRST);
  assert.deepEqual(
    new Set(names()),
    new Set(['TOKEN', 'PORT', 'HOST', 'INSTANCE', 'DATABASE_URL', 'ROUTER_URL']),
  );
});

test('neither an installation nor a release changes the number that an autoscaler has set', async () => {
  const simulation = await installed();
  const pages = simulation.deployment('pages');
  simulation.api.change(pages, { spec: { ...pages.spec, replicas: 4 } }, 'replicas');
  await released(simulation, SECOND);
  const numbers = simulation.api.history.flatMap(({ object }) =>
    object?.kind === 'Deployment' && object.metadata.name === pages.metadata.name
      ? [(object as SimulatedDeployment).spec.replicas]
      : [],
  );
  assert.deepEqual([...new Set(numbers)], [2, 4]);
  assert.equal(simulation.deployment('pages').spec.replicas, 4);
});

// What is wrong must be caught: controllers that do what they should not.

test('without preconditions on versions, a controller that was frozen changes secrets', async () => {
  const frozen = async (options: SimulationOptions): Promise<void> => {
    const simulation = new Simulation(options);
    simulation.release(FIRST);
    await disturb(simulation, [
      { act: 'freeze', who: 0, atWrite: 0 },
      ...Array.from({ length: 4 }, (): Disturbance => ({ act: 'round', who: 1, hears: simulation.kinds })),
      { act: 'thaw', who: 0 },
    ]);
    await simulation.settle();
  };
  await frozen({});
  await assert.rejects(frozen({ checksVersions: false }), /the secret .* was changed/);
});

/** A release is under way when the other controller goes to work, which has not heard of it. */
async function heardLate(options: SimulationOptions): Promise<void> {
  const simulation = await installed(FIRST, options);
  simulation.release(SECOND);
  await step(simulation, 1);
  const hears = simulation.kinds.filter((kind) => kind !== 'App');
  await disturb(simulation, [{ act: 'round', who: 1, hears }]);
  await simulation.settle();
}

test('a controller that hears late of a release takes nothing of it back', async () => {
  await heardLate({});
  await assert.rejects(heardLate({ variant: actsUnconfirmed }), /the secret .* was changed/);
});

const actsUnconfirmed: Variant = (platform) => ({
  prepare: (app) => platform.prepare(app),
  observe: (wanted, inForce) => platform.observe(wanted, inForce),
  confirm: () => Promise.resolve(),
  apply: (step, wanted, inForce) => platform.apply(step, wanted, inForce),
  tables: () => platform.tables(),
});

const admitsEarly: Variant = (platform) => ({
  prepare: (app) => platform.prepare(app),
  observe: async (wanted, inForce) => ({
    ...(await platform.observe(wanted, inForce)),
    migrations: { state: 'applied', set: wanted.migrationSet ?? '', applied: 1, pending: 0 },
  }),
  confirm: () => platform.confirm(),
  apply: (step, wanted, inForce) => platform.apply(step, wanted, inForce),
  tables: () => platform.tables(),
});

test('a controller that puts a release in force before its migrations are applied is caught', async () => {
  await assert.rejects(
    installed(FIRST, { variant: admitsEarly }),
    /brought to release 1\.1 before files:1 was applied/,
  );
});

/** The plan does not see that an object is a Secret; it is written all the same. */
const forgetsSecrets: Variant = (platform) => ({
  prepare: (app) => platform.prepare(app),
  observe: async (wanted, inForce) => {
    const seen = await platform.observe(wanted, inForce);
    const objects = (seen.objects ?? []).map((one) =>
      one.kind === 'Secret' ? { ...one, kind: 'Hidden' } : one,
    );
    return { ...seen, objects };
  },
  confirm: () => platform.confirm(),
  apply: (step, wanted, inForce) =>
    platform.apply(
      'object' in step && step.object === 'Hidden' ? { ...step, object: 'Secret' } : step,
      wanted,
      inForce,
    ),
  tables: () => platform.tables(),
});

test('a controller that makes instances before their Secrets starts them twice', async () => {
  const twice = await starts({ variant: forgetsSecrets });
  assert.ok((twice['shop-login'] ?? 0) > 2, JSON.stringify(twice));
});
