import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../app/model.ts';
import { parseApp } from '../app/parse.ts';
import type { ObjectObservation, Observation } from '../platform/observation.ts';
import { StepRefused, type Prepared } from '../platform/platform.ts';
import type { ClusterStep } from '../platform/step.ts';
import { conditionsOf } from './conditions.ts';
import { reconcile } from './reconcile.ts';

const APP = parseApp(
  'name: shop\nservices:\n  web: { image: web:1 }\n  pay: { image: pay:1 }\nroutes: { /: web }\n',
  'holdfast.yaml',
);

test('what the cluster refuses of one service keeps no other from being brought about, and is told', async () => {
  const applied: string[] = [];
  const apply = (step: ClusterStep): Promise<void> => {
    if (step.kind !== 'apply-object') return Promise.resolve();
    if (step.part === 'web')
      return Promise.reject(new StepRefused(`Cannot apply ${step.name}: exceeded quota`));
    applied.push(step.name);
    return Promise.resolve();
  };
  const result = await reconcile({
    platform: {
      prepare,
      observe: () => Promise.resolve(OBSERVED),
      apply,
      tables: () => ({}),
      confirm: () => Promise.resolve(),
    },
    store: {
      load: () => Promise.resolve({ inForce: APP, scale: {}, restarts: {} }),
      save: () => Promise.resolve(),
    },
    wanted: APP,
    mayAct: () => true,
    tell: () => undefined,
  });
  assert.deepEqual(applied, ['shop-pay']);
  const stalled = conditionsOf(result, false).find(({ type }) => type === 'Stalled');
  assert.deepEqual([stalled?.status, stalled?.reason], ['True', 'Denied']);
  assert.match(stalled?.message ?? '', /Cannot apply shop-web: exceeded quota/);
});

const prepared = new Map<App, Prepared>();
function prepare(app: App): Prepared {
  const known = prepared.get(app) ?? { app, templates: {}, structure: 's' };
  prepared.set(app, known);
  return known;
}

const missing = (part: string, kind: string): ObjectObservation => ({
  kind,
  name: `shop-${part}`,
  phase: 'services',
  part,
  state: 'missing',
});

const OBSERVED: Observation = {
  now: 0,
  database: { state: 'none' },
  migrations: { state: 'none', applied: 0, pending: 0 },
  instances: [],
  router: { state: 'ready', since: 0, failures: 0, backends: {} },
  objects: [missing('web', 'Deployment'), missing('web', 'Service'), missing('pay', 'Deployment')],
  rollouts: {},
};
