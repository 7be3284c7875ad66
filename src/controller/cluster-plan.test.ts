import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appFromData } from '../app/parse.ts';
import type {
  InstanceObservation,
  ObjectObservation,
  Observation,
  RolloutObservation,
} from '../platform/observation.ts';
import type { Prepared } from '../platform/platform.ts';
import { partOf } from '../platform/step.ts';
import { alike } from '../routing/tables/member.ts';
import { steadyTable } from '../routing/tables/steady.ts';
import type { Desired } from './desired.ts';
import type { PhaseInput } from './phase.ts';
import { CLUSTER_PHASES, isSettled, plan, type NamedPhasePlan } from './plan.ts';

const APP = appFromData({
  name: 'shop',
  services: {
    login: { image: 'login:1', stateful: { key: { header: 'x-user' } }, instances: { min: 2, max: 5 } },
    pages: { image: 'pages:1' },
  },
  routes: { '/login': 'login', '/': 'pages' },
  database: { topology: 'single' },
  migrations: { image: 'files:1' },
});

const ONE: Prepared = {
  app: APP,
  templates: { login: 'l1', pages: 'p1' },
  migrationSet: 'set1',
  structure: 's1',
};
const TWO: Prepared = {
  ...ONE,
  app: { ...APP },
  templates: { login: 'l2', pages: 'p2' },
  migrationSet: 'set2',
};

function instance(id: string, over: Partial<InstanceObservation> = {}): InstanceObservation {
  return {
    id,
    service: 'login',
    ordinal: 1,
    incarnation: 'i',
    template: 'l1',
    state: 'ready',
    since: 0,
    startedAt: 0,
    host: '10.0.0.1',
    port: 8080,
    failures: 0,
    hung: false,
    signalled: false,
    failed: false,
    ...over,
  };
}

const COMPLETE: RolloutObservation = { state: 'complete', replicas: 2 };
const LOGINS = [instance('a'), instance('b')];
const TABLE = steadyTable(undefined, 'login', alike(['a', 'b']));

/** Everything as wanted, but for what is given. */
function observed(over: Partial<Observation> = {}): Observation {
  const instances = over.instances ?? LOGINS;
  const servers = instances.map(({ id, host, port, state }) => ({
    name: id,
    host,
    port,
    up: state === 'ready',
    draining: false,
    requests: 0,
  }));
  return {
    now: 0,
    database: { state: 'ready' },
    migrations: { state: 'applied', set: 'set1', applied: 1, pending: 0 },
    instances,
    router: { state: 'ready', since: 0, backends: { login: { epoch: 1, servers } } },
    objects: [],
    rollouts: { login: COMPLETE, pages: COMPLETE },
    ...over,
  };
}

function planned(
  seen: Partial<Observation>,
  over: Partial<Desired> = {},
  tables: PhaseInput['tables'] = { login: TABLE },
): NamedPhasePlan[] {
  const desired = { wanted: ONE, inForce: ONE, accepted: ONE, scale: {}, ...over };
  return plan(CLUSTER_PHASES, { desired, observed: observed(seen), tables });
}

function steps(phases: readonly NamedPhasePlan[]): string[] {
  return phases.flatMap((phase) =>
    phase.steps.map((step) => `${step.kind} ${'name' in step ? step.name : partOf(step)}`),
  );
}

function waiting(phases: readonly NamedPhasePlan[]): string[] {
  return phases.flatMap((phase) => phase.waiting.map(({ part, reason }) => `${part}: ${reason}`));
}

function object(name: string, over: Partial<ObjectObservation> = {}): ObjectObservation {
  return { kind: 'Deployment', name, phase: 'services', part: name, state: 'missing', ...over };
}

const SECRET = object('shop-urls', { kind: 'Secret', phase: 'database', part: 'secrets' });

test('with everything as wanted there is nothing to do and nothing to wait for', () => {
  assert.ok(isSettled(planned({})));
});

test('objects are brought about by phase: those of the database before services, and services before routes', () => {
  const objects = [
    object('shop-router', { phase: 'routes', part: 'router' }),
    object('shop-pages'),
    object('shop-database', { kind: 'StatefulSet', phase: 'database', part: 'database' }),
    object('shop-old', { state: 'orphaned' }),
    object('shop-login', { state: 'as-wanted' }),
  ];
  assert.deepEqual(steps(planned({ objects })), [
    'apply-object shop-database',
    'apply-object shop-pages',
    'delete-object shop-old',
    'apply-object shop-router',
  ]);
});

test('instances are not made from Secrets that are not yet as they should be, and nothing else waits for those', () => {
  const others = [
    object('shop-router', { phase: 'routes', part: 'router' }),
    object('shop-old', { state: 'orphaned' }),
  ];
  for (const state of ['missing', 'different'] as const) {
    const objects = [object('shop-pages'), { ...SECRET, state }, ...others];
    const expected = ['apply-object shop-urls', 'delete-object shop-old', 'apply-object shop-router'];
    assert.deepEqual(steps(planned({ objects })), expected);
  }
  assert.ok(
    steps(planned({ objects: [object('shop-pages'), { ...SECRET, state: 'as-wanted' }] })).includes(
      'apply-object shop-pages',
    ),
  );
});

test('a set of migrations is applied when the database is ready, and only then does the file come into force', () => {
  const release = { wanted: TWO };
  const database = { state: 'starting' } as const;
  assert.deepEqual(steps(planned({ database }, release)), []);
  assert.deepEqual(steps(planned({}, release)), ['migrate migrations']);
  const running = { state: 'running', set: 'set2', applied: 0, pending: 1, progress: 'statement 2' } as const;
  assert.deepEqual(waiting(planned({ migrations: running }, release)), ['migrations: statement 2']);
  const applied = { state: 'applied', set: 'set2', applied: 1, pending: 0 } as const;
  assert.deepEqual(steps(planned({ migrations: applied }, release)), ['admit migrations']);
});

test('a set that failed is held: nothing is started again, and what is in force goes on', () => {
  const migrations = {
    state: 'held',
    set: 'set2',
    applied: 0,
    pending: 1,
    problem: 'statement 1 failed',
  } as const;
  const phases = planned({ migrations }, { wanted: TWO });
  assert.deepEqual([steps(phases), waiting(phases)], [[], ['migrations: statement 1 failed']]);
});

test('another set that still runs is waited for', () => {
  const migrations = { state: 'running', set: 'set0', applied: 0, pending: 1 } as const;
  assert.deepEqual(waiting(planned({ migrations }, { wanted: TWO })), [
    'migrations: wait for the run before',
  ]);
});

const APPLIED = { state: 'applied', set: 'set2', applied: 1, pending: 0 } as const;
const NEW: Partial<Desired> = { wanted: TWO, inForce: TWO };

test('a release is accepted when every rollout is complete, about what is due by now, and the routers are ready', () => {
  assert.deepEqual(steps(planned({ migrations: APPLIED }, NEW)), ['accept release']);
  const changing: RolloutObservation = { state: 'changing', replicas: 2 };
  assert.deepEqual(
    steps(planned({ migrations: APPLIED, rollouts: { login: COMPLETE, pages: changing } }, NEW)),
    [],
  );
  const due = [object('shop-pages', { part: 'pages', state: 'different' })];
  assert.ok(!steps(planned({ migrations: APPLIED, objects: due }, NEW)).includes('accept release'));
  const router = { ...observed().router, state: 'starting' as const };
  assert.ok(!steps(planned({ migrations: APPLIED, router }, NEW)).includes('accept release'));
});

function releaseOf(phases: readonly NamedPhasePlan[]): NamedPhasePlan['steps'] | undefined {
  return phases.find(({ name }) => name === 'release')?.steps;
}

const STUCK: RolloutObservation = { state: 'stuck', replicas: 2, problem: 'pages-9: ImagePullBackOff' };

test('a release that does not get ready in time is rolled back to what was accepted', () => {
  const seen = { migrations: APPLIED, rollouts: { login: COMPLETE, pages: STUCK } };
  const phases = planned(seen, NEW);
  assert.deepEqual(releaseOf(phases), [{ kind: 'roll-back', reason: 'pages: pages-9: ImagePullBackOff' }]);
  const { accepted: _, ...first } = { wanted: TWO, inForce: TWO, accepted: ONE, scale: {} };
  const alone = plan(CLUSTER_PHASES, { desired: first, observed: observed(seen), tables: { login: TABLE } });
  assert.deepEqual(steps(alone), [], 'there is nothing to go back to');
  assert.deepEqual(
    steps(planned({ rollouts: seen.rollouts })),
    [],
    'and what was accepted is not rolled back',
  );
});

test('a roll-back names every service that did not get ready', () => {
  const rollouts = { login: { ...STUCK, problem: 'login-9: no node takes it' }, pages: STUCK };
  const [step] = releaseOf(planned({ migrations: APPLIED, rollouts }, NEW)) ?? [];
  const reason = 'login: login-9: no node takes it; pages: pages-9: ImagePullBackOff';
  assert.deepEqual(step, { kind: 'roll-back', reason });
});

test('what a release does without goes when it is accepted; only an autoscaler goes at once', () => {
  const objects = [
    object('shop-old', { state: 'orphaned' }),
    object('shop-database', { kind: 'StatefulSet', part: 'database', state: 'orphaned' }),
    object('shop-scaled', { kind: 'HorizontalPodAutoscaler', part: 'pages', state: 'orphaned' }),
  ];
  const rollouts = { login: COMPLETE, pages: { state: 'changing', replicas: 2 } } as const;
  assert.deepEqual(steps(planned({ objects, rollouts, migrations: APPLIED }, NEW)), [
    'delete-object shop-scaled',
  ]);
  assert.equal(steps(planned({ objects })).length, 3);
});

test('while sessions are handed over there is something to wait for, also when no step is due', () => {
  const services = ONE.app.services.map((service) =>
    service.stateful === undefined
      ? service
      : { ...service, stateful: { ...service.stateful, handoff: true } },
  );
  const prepared = { ...ONE, app: { ...ONE.app, services } };
  const desired = { wanted: prepared, inForce: prepared, accepted: prepared };
  const about = (isBusy: boolean, tables: PhaseInput['tables']): string[] =>
    waiting(
      planned({ handOvers: { login: { isBusy, isPublishing: false, postponed: [] } } }, desired, tables),
    );
  assert.deepEqual(about(true, { login: TABLE }), ['login: hands sessions over']);
  assert.deepEqual(about(false, { login: TABLE }), []);
  assert.deepEqual(about(false, {}), ['login: no instance has users yet']);
});

test('routers that lack something are waited for by name, and hold no release up', () => {
  const router = { ...observed().router, lacks: ['shop-router-1 does not route by epoch 7 of login yet'] };
  const phases = planned({ router });
  assert.deepEqual(steps(phases), []);
  assert.deepEqual(waiting(phases), ['router: shop-router-1 does not route by epoch 7 of login yet']);
  assert.deepEqual(steps(planned({ router, migrations: APPLIED }, NEW)), ['accept release']);
});

test('a rollout that got stuck before the release was applied says nothing of the release', () => {
  const seen = { migrations: APPLIED, rollouts: { login: COMPLETE, pages: STUCK } };
  const due = [object('shop-pages', { part: 'pages', state: 'different' })];
  assert.deepEqual(steps(planned({ ...seen, objects: due }, NEW)), ['apply-object shop-pages']);
});

test('what was refused is neither migrated nor put in force again', () => {
  const refused = { wanted: TWO, inForce: ONE, accepted: ONE, refused: 'too slow' };
  assert.deepEqual(steps(planned({}, refused)), []);
  assert.deepEqual(steps(planned({ migrations: APPLIED }, refused)), []);
});

const SHRINKS: RolloutObservation = { state: 'complete', replicas: 3 };
const THREE = ['a', 'b', 'c'].map((id, index) => instance(id, { users: index * 10 }));
const TABLE_OF_THREE = { login: steadyTable(undefined, 'login', alike(['a', 'b', 'c'])) };

test('before there are fewer instances, those with the fewest users are marked to go first', () => {
  const objects = [object('shop-login', { part: 'login', state: 'different', difference: 'spec.replicas' })];
  const seen = { instances: THREE, rollouts: { login: SHRINKS, pages: COMPLETE }, objects };
  const [first, ...others] = planned(seen, {}, TABLE_OF_THREE).flatMap((phase) => [...phase.steps]);
  assert.deepEqual(first, { kind: 'rank-instances', service: 'login', ranks: { a: 0, b: 10, c: 20 } });
  assert.deepEqual(others, [], 'the number is changed once they are marked');
  const ranked = THREE.map((one, rank) => ({ ...one, rank }));
  assert.deepEqual(steps(planned({ ...seen, instances: ranked }, {}, TABLE_OF_THREE)), [
    'apply-object shop-login',
  ]);
});

test('routers that do not answer hold no scale-down up, and marks go when they have served', () => {
  const unknown = [instance('a'), instance('b'), instance('c')];
  const seen = { instances: unknown, rollouts: { login: SHRINKS, pages: COMPLETE } };
  assert.deepEqual(steps(planned(seen, {}, TABLE_OF_THREE)), []);
  const marked = LOGINS.map((one, rank) => ({ ...one, rank }));
  const [step] = planned({ instances: marked }).flatMap((phase) => [...phase.steps]);
  assert.deepEqual(step, { kind: 'rank-instances', service: 'login', ranks: { a: null, b: null } });
  const changing: RolloutObservation = { state: 'changing', replicas: 2 };
  assert.deepEqual(steps(planned({ instances: marked, rollouts: { login: changing, pages: COMPLETE } })), []);
});

test('users move away from an instance that leaves or is dead, and not from one that is only unready', () => {
  const states = (state: InstanceObservation['state']): string[] =>
    steps(planned({ instances: [instance('a'), instance('b', { state })] }));
  assert.deepEqual(states('leaving'), ['publish-table login']);
  assert.deepEqual(states('dead'), ['publish-table login']);
  assert.deepEqual(states('unready'), []);
});

test('what is not as wanted is waited for in words, and what has been replaced is not', () => {
  const rollouts = {
    login: { state: 'changing', replicas: 2, problem: '1 of 2 ready' } as const,
    pages: COMPLETE,
  };
  const instances = [
    instance('a', { state: 'starting', problem: 'login: ImagePullBackOff' }),
    instance('b', { state: 'dead', problem: 'node one does not answer' }),
    instance('c', { state: 'leaving', problem: 'login ended' }),
  ];
  const router = { ...observed().router, state: 'starting' as const, problem: 'no node takes it' };
  const database = { state: 'unready', problem: 'node two does not answer' } as const;
  assert.deepEqual(waiting(planned({ rollouts, instances, router, database })), [
    'database: node two does not answer',
    'login: 1 of 2 ready',
    'a: starting: login: ImagePullBackOff',
    'router: no node takes it',
  ]);
});
