import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppObject, Condition } from '../observe/kinds.ts';
import { readinessOf } from './readiness.ts';

function app(generation: number, observedGeneration: number, conditions: readonly Condition[]): AppObject {
  const status = { observedGeneration, conditions };
  return {
    apiVersion: 'holdfast.dev/v1alpha1',
    kind: 'App',
    metadata: { name: 'shop', generation },
    spec: {},
    status,
  };
}

const ready: Condition = { type: 'Ready', status: 'True', message: 'everything is as wanted' };
const waits: Condition = { type: 'Ready', status: 'False', reason: 'Progressing', message: 'web: 1 of 2' };
const stalled: Condition = { type: 'Stalled', status: 'True', reason: 'RolledBack', message: 'not ready' };

test('what an older generation was like counts for nothing', () => {
  assert.equal(readinessOf(app(2, 1, [ready])).state, 'unseen');
  assert.equal(readinessOf(app(2, 1, [stalled])).state, 'unseen');
});

test('an App without a status has not been looked at', () => {
  const { status: _, ...fresh } = app(1, 0, []);
  assert.equal(readinessOf(fresh).state, 'unseen');
});

test('the conditions of this generation decide', () => {
  assert.deepEqual(readinessOf(app(2, 2, [ready])), { state: 'ready', message: 'everything is as wanted' });
  assert.deepEqual(readinessOf(app(2, 2, [waits])), { state: 'waiting', message: 'web: 1 of 2' });
  assert.deepEqual(readinessOf(app(2, 2, [waits, stalled])), { state: 'stalled', message: 'not ready' });
});

test('a paused App that is not ready will not get there', () => {
  const paused: Condition = { ...waits, reason: 'Paused', message: 'paused' };
  assert.deepEqual(readinessOf(app(1, 1, [paused])), { state: 'stalled', message: 'paused' });
});
