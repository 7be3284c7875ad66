import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { App } from '../app/model.ts';
import { parseApp } from '../app/parse.ts';
import type { ObjectObservation, Observation } from '../platform/observation.ts';
import { StepRefused, type Prepared } from '../platform/platform.ts';
import type { ClusterStep, ReleaseStep } from '../platform/step.ts';
import { conditionsOf } from './conditions.ts';
import { reconcile, type RoundResult } from './reconcile.ts';

const APP = parseApp(
  'name: shop\nservices:\n  web: { image: web:1 }\n  pay: { image: pay:1 }\nroutes: { /: web }\n',
  'holdfast.yaml',
);

test('what the cluster refuses of one service keeps no other from being brought about, and is told', async () => {
  const done: string[] = [];
  const denies = (step: ClusterStep): Promise<void> =>
    nameOf(step) === 'shop-web'
      ? Promise.reject(new StepRefused('Cannot apply shop-web: exceeded quota'))
      : Promise.resolve();
  const result = await round(denies, done);
  assert.deepEqual(done, ['shop-pay']);
  const stalled = conditionsOf(result, false).find(({ type }) => type === 'Stalled');
  assert.deepEqual([stalled?.status, stalled?.reason], ['True', 'Denied']);
  assert.match(stalled?.message ?? '', /Cannot apply shop-web: exceeded quota/);
});

test('what was carried out before a round was overtaken is told all the same', async () => {
  const done: string[] = [];
  const isOvertaken = (step: ClusterStep): Promise<void> =>
    nameOf(step) === 'shop-pay' ? Promise.reject(new Error('somebody else was faster')) : Promise.resolve();
  await assert.rejects(round(isOvertaken, done), /somebody else was faster/);
  assert.deepEqual(done, ['shop-web', 'shop-web']);
});

/** @param done gets the names of the objects that were applied */
function round(apply: (step: ClusterStep) => Promise<void>, done: string[]): Promise<RoundResult> {
  return reconcile({
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
    done: (step) => done.push(nameOf(step)),
  });
}

function nameOf(step: ReleaseStep | ClusterStep): string {
  return step.kind === 'apply-object' ? step.name : step.kind;
}

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
  router: { state: 'ready', since: 0, backends: {} },
  objects: [missing('web', 'Deployment'), missing('web', 'Service'), missing('pay', 'Deployment')],
  rollouts: {},
};
