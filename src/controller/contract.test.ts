import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { appFromData } from '../app/parse.ts';
import type {
  ContractObservation,
  InstanceObservation,
  InstanceState,
  MigrationsObservation,
  Observation,
} from '../platform/observation.ts';
import type { Prepared } from '../platform/platform.ts';
import {
  announcedContract,
  closedWay,
  contractObstacle,
  contractStatus,
  waitsForContract,
} from './contract.ts';
import type { Desired } from './desired.ts';
import type { PhaseInput } from './phase.ts';
import { planContract } from './phases/contract.ts';
import { planMigrations } from './phases/migrations.ts';
import { isSettled } from './plan.ts';

const APP = appFromData({
  name: 'shop',
  services: { pages: { run: 'x', instances: { min: 2, max: 2 } } },
  routes: { '/': 'pages' },
  database: { topology: 'single' },
  migrations: {},
});
const ONE: Prepared = { app: APP, templates: { pages: 'p1' }, migrationSet: 'set1', structure: 's' };
const TWO: Prepared = {
  ...ONE,
  app: { ...APP },
  templates: { pages: 'p2' },
  migrationSet: 'set2',
  contract: '5',
};
const THREE: Prepared = { ...TWO, templates: { pages: 'p3' }, migrationSet: 'set3', contract: '7' };
const PENDING: ContractObservation = { set: 'set2', state: 'pending', files: ['V5__less.sql'] };

function instance(
  id: string,
  template: string,
  over: Partial<InstanceObservation> = {},
): InstanceObservation {
  const times = { since: 0, startedAt: 0, failures: 0, hung: false, signalled: false, failed: false };
  const place = { host: '127.0.0.1', port: 1, incarnation: id, ordinal: 1 };
  return { id, service: 'pages', template, state: 'ready', ...times, ...place, ...over };
}

const NEW = [instance('pages-3', 'p2'), instance('pages-4', 'p2')];

interface Seen {
  readonly instances?: readonly InstanceObservation[];
  readonly contract?: ContractObservation;
  readonly migrations?: Partial<MigrationsObservation>;
  readonly observed?: Partial<Observation>;
  readonly desired?: Partial<Desired>;
}

/** The second version is in force, and its contract is pending, unless said otherwise. */
function input({
  instances = NEW,
  contract = PENDING,
  migrations,
  observed,
  desired,
}: Seen = {}): PhaseInput {
  return {
    desired: { wanted: TWO, inForce: TWO, scale: {}, ...desired },
    observed: {
      now: 1_000,
      database: { state: 'ready' },
      migrations: { state: 'applied', set: 'set2', applied: 4, pending: 1, contract, ...migrations },
      instances,
      router: { state: 'ready', since: 0, backends: {} },
      ...observed,
    },
    tables: {},
  };
}

const isDue = (seen: Seen): boolean => planContract(input(seen)).steps.length > 0;

test('a contract is due when all that runs is of the version in force, and the application is ready before it', () => {
  const plan = planContract(input());
  assert.deepEqual(plan, {
    steps: [{ kind: 'contract', set: 'set2', files: ['V5__less.sql'] }],
    waiting: [],
  });
  assert.ok(isSettled([plan]));
});

test('an instance of an older version holds it back, whatever it does, until it has ended', () => {
  const states: InstanceState[] = ['starting', 'ready', 'unready', 'leaving', 'stopping'];
  for (const state of states) {
    const seen = input({ instances: [...NEW, instance('pages-1', 'p1', { state })] });
    assert.deepEqual(planContract(seen).steps, [], state);
    assert.equal(contractObstacle(seen), 'waits for instances of an older version to end: pages-1');
  }
  assert.ok(isDue({ instances: [...NEW, instance('pages-1', 'p1', { state: 'dead' })] }));
  assert.ok(!isDue({ instances: [...NEW, instance('pages-1', 'p1', { state: 'dead', mayRun: true })] }));
  assert.ok(
    !isDue({ instances: [...NEW, instance('cart-1', 'c1', { service: 'cart' })] }),
    'a service that is gone',
  );
});

test('a release that is not finished holds it back', () => {
  const [first = instance('pages-3', 'p2')] = NEW;
  const seen = input({ instances: [first, instance('pages-4', 'p2', { state: 'starting' })] });
  assert.equal(contractObstacle(seen), 'waits until the release is finished: pages 1 of 2 ready');
  assert.ok(!isDue({ observed: { database: { state: 'unready' } } }));
  assert.ok(!isDue({ desired: { wanted: ONE, inForce: ONE } }), 'another version is in force');
});

test('on a cluster it comes after the rollout, and after the release was accepted', () => {
  const complete = { rollouts: { pages: { state: 'complete', replicas: 2 } as const } };
  const changing = {
    rollouts: { pages: { state: 'changing', replicas: 2, problem: '1 of 2 ready' } as const },
  };
  assert.ok(!isDue({ observed: changing, desired: { accepted: TWO } }));
  assert.ok(!isDue({ observed: complete, desired: { accepted: ONE } }));
  assert.ok(isDue({ observed: complete, desired: { accepted: TWO } }));
});

test('what is done, runs or failed is not begun again, and one that could not be tried is, after a while', () => {
  for (const state of ['none', 'running', 'held', 'applied'] as const)
    assert.ok(!isDue({ contract: { ...PENDING, state } }), state);
  assert.ok(isDue({ contract: { ...PENDING, state: 'unknown' } }), 'trying finds out');
  assert.ok(!isDue({ contract: { ...PENDING, state: 'retry', retryAt: 1_001 } }));
  assert.ok(isDue({ contract: { ...PENDING, state: 'retry', retryAt: 1_000 } }));
});

test('a status says what it waits for, what failed and what to do, and that the way back is closed', () => {
  const shown = (state: ContractObservation['state'], problem?: string): string | undefined =>
    contractStatus(input({ contract: { ...PENDING, state, ...(problem === undefined ? {} : { problem }) } }))
      ?.reason;
  assert.equal(shown('pending'), 'is due');
  assert.match(
    shown('held', 'V5__less.sql:2: no column') ?? '',
    /^V5__less\.sql:2: no column\n.*holdfast migrate run$/,
  );
  assert.match(shown('applied') ?? '', /no way back/);
  assert.equal(shown('none'), undefined);
  assert.equal(shown('unknown'), undefined);
});

test('the next set waits for a contract that comes by itself, and not for one that needs the next', () => {
  const next = { wanted: THREE };
  const old = instance('pages-1', 'p1', { state: 'leaving' });
  const waits = waitsForContract(input({ desired: next, instances: [...NEW, old] }));
  assert.match(waits ?? '', /^wait for the contract of the release in force, which waits for .*: pages-1$/);
  const steps = (seen: Seen): number => planMigrations(input({ ...seen, desired: next })).steps.length;
  const unknown = { state: 'unknown', pending: 7 } as const;
  const { set: _, ...migrations } = { set: 'set2', ...unknown };
  const before = { observed: { migrations: { applied: 0, ...migrations, contract: PENDING } } };
  assert.equal(steps(before), 0);
  const failing = [instance('pages-3', 'p2', { state: 'starting', failed: true }), old];
  assert.equal(steps({ ...before, instances: failing }), 1, 'the next may be what mends it');
  for (const state of ['held', 'none', 'applied'] as const) {
    const contract = { ...PENDING, state };
    assert.equal(steps({ observed: { migrations: { applied: 0, ...migrations, contract } } }), 1, state);
  }
  assert.equal(waitsForContract(input({ desired: { wanted: { ...TWO } } })), undefined, 'the same files');
});

test('only a database that no version works on gets everything at once', () => {
  const extent = (desired: Partial<Desired>, instances: readonly InstanceObservation[]): unknown => {
    const migrations: MigrationsObservation = { state: 'unknown', applied: 0, pending: 5 };
    const { inForce: _, ...rest } = input({ instances, observed: { migrations } }).desired;
    const seen = { ...input({ instances, observed: { migrations } }), desired: { ...rest, ...desired } };
    const [step] = planMigrations(seen).steps;
    return step?.kind === 'migrate' ? step.extent : step;
  };
  assert.equal(extent({}, []), 'everything');
  assert.equal(extent({}, [instance('a', 'p2', { state: 'starting' })]), 'everything', 'it waits in its pod');
  assert.equal(extent({}, [instance('a', 'p1')]), 'expand', 'what was in force is forgotten, and runs');
  assert.equal(extent({ inForce: ONE }, []), 'expand');
});

test('the plan announces a contract that comes with a release', () => {
  assert.deepEqual(announcedContract(TWO, TWO), []);
  assert.deepEqual(announcedContract(ONE, TWO), []);
  assert.deepEqual(announcedContract(TWO, undefined), []);
  assert.match(announcedContract(THREE, TWO)[0]?.reason ?? '', /^version 7 waits .* no way back$/);
});

test('a version from before the contract is refused once that is applied', () => {
  const applied = input({ contract: { ...PENDING, state: 'applied' } });
  assert.match(closedWay(ONE, applied) ?? '', /^V5__less\.sql is applied .* can't work/);
  assert.match(closedWay({ ...ONE, contract: '4.9' }, applied) ?? '', /^V5__less\.sql/);
  assert.equal(closedWay({ ...TWO }, applied), undefined);
  assert.equal(closedWay(THREE, applied), undefined);
  assert.equal(closedWay(ONE, input()), undefined, 'before it is applied the way is open');
});

const anyInstance = fc.record({
  template: fc.constantFrom('p1', 'p2'),
  state: fc.constantFrom<InstanceState>('starting', 'ready', 'unready', 'leaving', 'stopping', 'dead'),
  mayRun: fc.boolean(),
});

test('whatever runs, a contract is due exactly when enough new instances are ready and no old one can run', () => {
  fc.assert(
    fc.property(fc.array(anyInstance, { maxLength: 6 }), (all) => {
      const instances = all.map(({ template, ...over }, at) => instance(`pages-${at}`, template, over));
      const ready = all.filter(({ template, state }) => template === 'p2' && state === 'ready').length;
      const old = all.filter(
        ({ template, state, mayRun }) => template === 'p1' && (state !== 'dead' || mayRun),
      ).length;
      assert.equal(isDue({ instances }), ready >= 2 && old === 0);
    }),
  );
});
