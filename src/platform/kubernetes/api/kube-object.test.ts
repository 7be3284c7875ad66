import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { collectionPath, keyOf, objectPath, refOf, RESOURCE_TYPES, typeOf } from './kube-object.ts';

test('the path of an object names its group, version, namespace, plural and name', () => {
  const ref = { namespace: 'shop', name: 'login' };
  assert.equal(objectPath(RESOURCE_TYPES.Pod, ref), '/api/v1/namespaces/shop/pods/login');
  assert.equal(objectPath(RESOURCE_TYPES.Pod, ref, 'log'), '/api/v1/namespaces/shop/pods/login/log');
  assert.equal(
    objectPath(RESOURCE_TYPES.App, ref, 'status'),
    '/apis/holdfast.dev/v1alpha1/namespaces/shop/apps/login/status',
  );
  assert.equal(objectPath(RESOURCE_TYPES.Node, { name: 'n1' }), '/api/v1/nodes/n1');
});

test('a collection without a namespace is that of the whole cluster', () => {
  assert.equal(collectionPath(RESOURCE_TYPES.Deployment), '/apis/apps/v1/deployments');
  assert.equal(
    collectionPath(RESOURCE_TYPES.Deployment, 'shop'),
    '/apis/apps/v1/namespaces/shop/deployments',
  );
  assert.equal(collectionPath(RESOURCE_TYPES.Node, 'shop'), '/api/v1/nodes');
});

test('a name cannot leave its place in the path', () => {
  const path = objectPath(RESOURCE_TYPES.Secret, { namespace: 'a/../b', name: '../x?y' });
  assert.equal(path, '/api/v1/namespaces/a%2F..%2Fb/secrets/..%2Fx%3Fy');
});

test('a namespaced object without a namespace has no path', () => {
  assert.throws(() => objectPath(RESOURCE_TYPES.Pod, { name: 'login' }), /needs a namespace/);
});

test('every type is found by its own apiVersion and kind, and by no other', () => {
  for (const type of Object.values(RESOURCE_TYPES)) assert.deepEqual(typeOf(type), type);
  assert.throws(() => typeOf({ apiVersion: 'v1', kind: 'Deployment' }), /v1 Deployment/);
  assert.throws(() => typeOf({ apiVersion: 'v1', kind: 'toString' }), /toString/);
});

test('a key and its reference are two forms of the same', () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/);
  fc.assert(
    fc.property(label, label, (namespace, name) => {
      assert.deepEqual(refOf(keyOf({ namespace, name })), { namespace, name });
      assert.deepEqual(refOf(keyOf({ name })), { name });
    }),
  );
});
