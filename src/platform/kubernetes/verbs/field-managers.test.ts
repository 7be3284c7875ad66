import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adopted, foreignManagers, type ManagedFields } from './field-managers.ts';

function entry(manager: string, operation: string, fieldsV1: Record<string, unknown>): ManagedFields {
  return { manager, operation, apiVersion: 'v', fieldsType: 'FieldsV1', time: 't', fieldsV1 };
}

const own = entry('holdfast', 'Apply', { 'f:spec': { 'f:name': {}, 'f:services': { 'f:web': {} } } });
const release = entry('holdfast', 'Update', {
  'f:metadata': { 'f:annotations': {} },
  'f:spec': { 'f:services': { 'f:web': { 'f:image': {} } } },
});
const helm = entry('helm', 'Apply', { 'f:metadata': { 'f:labels': {} }, 'f:spec': { 'f:paused': {} } });
const status: ManagedFields = {
  ...entry('holdfast', 'Update', { 'f:status': {}, 'f:spec': {} }),
  subresource: 'status',
};

test('others are those who have set something in the spec', () => {
  const label = entry('kubectl-label', 'Update', { 'f:metadata': {} });
  assert.deepEqual(foreignManagers([own, release, status, label, helm, helm]), ['helm']);
});

test('what a release has set becomes part of what deploy has set, and annotations stay', () => {
  assert.deepEqual(adopted([own, release, status, helm], 'v', false), [
    entry('holdfast', 'Apply', {
      'f:spec': { 'f:name': {}, 'f:services': { 'f:web': { 'f:image': {} } } },
    }),
    entry('holdfast', 'Update', { 'f:metadata': { 'f:annotations': {} } }),
    status,
    helm,
  ]);
});

test('by force all of the spec is taken, whoever has set it', () => {
  const [apply, ...others] = adopted([helm, status], 'v', true) ?? [];
  assert.deepEqual(apply, entry('holdfast', 'Apply', { 'f:spec': { 'f:paused': {} } }));
  assert.deepEqual(others, [entry('helm', 'Apply', { 'f:metadata': { 'f:labels': {} } }), status]);
});

test('nothing is taken where there is nothing to take', () => {
  assert.equal(adopted([own, status], 'v', true), undefined);
  assert.equal(adopted([own, helm], 'v', false), undefined);
});
