import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sideConditions } from './side-conditions.ts';

test('without a service that is scaled by load, and with a volume as wanted, nothing is said', () => {
  assert.deepEqual(sideConditions({}), []);
  assert.deepEqual(sideConditions({ scaling: {} }), []);
});

test('a volume that can’t be as wanted is told with what to do', () => {
  const [condition] = sideConditions({ volumeProblem: 'it never shrinks: write 2Gi' });
  assert.deepEqual(condition, {
    type: 'VolumeAsWanted',
    status: 'False',
    reason: 'CannotBeHad',
    message: 'it never shrinks: write 2Gi',
  });
});

test('services are scaled by load when every autoscaler gets figures', () => {
  const [condition, ...others] = sideConditions({
    scaling: { a: { state: 'active' }, b: { state: 'active' } },
  });
  assert.deepEqual([condition?.type, condition?.status, others], ['ScaledByLoad', 'True', []]);
  assert.deepEqual(sideConditions({ scaling: { a: { state: 'active' }, b: { state: 'unknown' } } }), []);
});

test('each service that is not scaled is named with the reason', () => {
  const scaling = {
    a: { state: 'blind', problem: 'no figures' },
    b: { state: 'unknown' },
    c: { state: 'blind', problem: 'none either' },
  } as const;
  const [condition] = sideConditions({ scaling });
  assert.equal(condition?.status, 'False');
  assert.match(condition.message, /^a keeps .*: no figures\nc keeps .*: none either$/);
});

test('a contract is told whatever it is at, and never decides whether an application is ready', () => {
  const files = ['V5__less.sql'];
  const shown = (state: 'pending' | 'running' | 'held' | 'applied'): unknown =>
    sideConditions({ contract: { state, files, reason: 'why' } });
  const condition = { type: 'SchemaContracted', message: 'V5__less.sql: why' };
  assert.deepEqual(shown('pending'), [{ ...condition, status: 'False', reason: 'Pending' }]);
  assert.deepEqual(shown('running'), [{ ...condition, status: 'False', reason: 'Applying' }]);
  assert.deepEqual(shown('held'), [{ ...condition, status: 'False', reason: 'Failed' }]);
  assert.deepEqual(shown('applied'), [{ ...condition, status: 'True', reason: 'Applied' }]);
});
