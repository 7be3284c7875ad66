import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseApp } from '../app/parse.ts';
import type { InstanceObservation, Observation, RolloutObservation } from '../platform/observation.ts';
import type { Prepared } from '../platform/platform.ts';
import { reconcile } from './reconcile.ts';

const APP = parseApp(
  'name: shop\nservices:\n  web: { image: web:1 }\n  pay: { image: pay:1 }\nroutes: { /: web }\n',
  'holdfast.yaml',
);
const NOW = 1_000_000;
const START = APP.services[0]?.health.start ?? 0;
const STUCK: RolloutObservation = { state: 'stuck', replicas: 2, problem: '0 of 2 ready' };

function instance(initializedAt: number): InstanceObservation {
  const about = {
    id: 'web-1',
    service: 'web',
    ordinal: 1,
    incarnation: 'i',
    template: '',
    host: '',
    port: 1,
  };
  const state = { state: 'starting', since: 0, startedAt: 0, failures: 0, hung: false } as const;
  return { ...about, ...state, signalled: false, failed: false, initializedAt };
}

/** What is said to be stuck of rollouts that are. */
async function stuckOf(inForce: boolean, over: Partial<Observation> = {}): Promise<string | undefined> {
  const prepared: Prepared = { app: APP, templates: {}, structure: 's' };
  const observed: Observation = {
    now: NOW,
    database: { state: 'none' },
    migrations: { state: 'none', applied: 0, pending: 0 },
    instances: [],
    router: { state: 'ready', since: 0, backends: {} },
    rollouts: { web: STUCK, pay: STUCK },
    ...over,
  };
  const { stuck } = await reconcile({
    platform: {
      prepare: () => prepared,
      observe: () => Promise.resolve(observed),
      apply: () => Promise.resolve(),
      tables: () => ({}),
      confirm: () => Promise.resolve(),
    },
    store: {
      load: () => Promise.resolve({ ...(inForce ? { inForce: APP } : {}), scale: {}, restarts: {} }),
      save: () => Promise.resolve(),
    },
    wanted: APP,
    mayAct: () => false,
    tell: () => undefined,
    done: () => undefined,
  });
  return stuck;
}

test('every service that does not get ready is named', async () => {
  assert.equal(await stuckOf(true), 'web: 0 of 2 ready; pay: 0 of 2 ready');
});

test('before anything is in force instances wait for their migrations, and are not stuck', async () => {
  assert.equal(await stuckOf(false), undefined);
});

test('an instance that has waited for migrations has all its time to start', async () => {
  assert.equal(await stuckOf(true, { instances: [instance(NOW - START + 1)] }), 'pay: 0 of 2 ready');
  assert.equal(
    await stuckOf(true, { instances: [instance(NOW - START)] }),
    'web: 0 of 2 ready; pay: 0 of 2 ready',
  );
});
