import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceObservation } from '../../observation.ts';
import type { Deployment } from './kinds.ts';
import { observeRollout } from './observe-rollout.ts';

const DONE = { observedGeneration: 3, replicas: 2, updatedReplicas: 2, availableReplicas: 2 };

function deployment(status: Deployment['status'], replicas = 2): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'shop-web', generation: 3 },
    spec: { replicas },
    ...(status === undefined ? {} : { status }),
  };
}

function state(status: Deployment['status'], replicas?: number): string {
  return observeRollout(deployment(status, replicas), []).state;
}

test('a rollout is complete when all that is wanted is new and ready, and nothing else is left', () => {
  assert.equal(observeRollout(undefined, []).state, 'absent');
  assert.equal(state(undefined), 'changing');
  assert.equal(state(DONE), 'complete');
  assert.equal(state({ ...DONE, replicas: 3 }), 'changing', 'an old one is still there');
  assert.equal(state({ ...DONE, updatedReplicas: 1 }), 'changing');
  assert.equal(state({ ...DONE, availableReplicas: 1 }), 'changing');
  assert.equal(state(DONE, 3), 'changing', 'one more is wanted');
  assert.equal(state({ observedGeneration: 3 }, 0), 'complete');
});

test('what Kubernetes says of an older generation says nothing of this one', () => {
  const stuck = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }] as const;
  assert.equal(state({ ...DONE, observedGeneration: 2 }), 'changing');
  assert.equal(state({ ...DONE, observedGeneration: 2, conditions: stuck }), 'changing');
  assert.equal(state({ ...DONE, updatedReplicas: 1, conditions: stuck }), 'stuck');
});

test('a rollout says how far it is, and what is wrong with an instance that fails', () => {
  const failing = { id: 'shop-web-9', failed: true, problem: 'web: ImagePullBackOff' } as InstanceObservation;
  const waiting = { id: 'shop-web-8', failed: false, problem: 'no node takes it' } as InstanceObservation;
  const halfway = deployment({ ...DONE, availableReplicas: 1 });
  assert.equal(observeRollout(halfway, [waiting]).problem, '1 of 2 ready');
  assert.equal(
    observeRollout(halfway, [waiting, failing]).problem,
    'shop-web-9: web: ImagePullBackOff (1 of 2 ready)',
  );
  assert.equal(observeRollout(deployment(DONE), [failing]).problem, undefined);
});

test('a rollout that is stuck says what is wrong with an instance also while that has been started again', () => {
  const stuck = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }] as const;
  const again = { id: 'web-8', failed: false, problem: 'web was started again: why' } as InstanceObservation;
  const failing = { id: 'web-9', failed: true, problem: 'web ended' } as InstanceObservation;
  const of = (instances: InstanceObservation[]): string | undefined =>
    observeRollout(deployment({ ...DONE, updatedReplicas: 1, conditions: stuck }), instances).problem;
  assert.equal(of([again]), 'web-8: web was started again: why (2 of 2 ready)');
  assert.equal(of([again, failing]), 'web-9: web ended (2 of 2 ready)');
  assert.equal(of([]), '2 of 2 ready');
});
