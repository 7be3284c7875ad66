import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { KubeObject } from './kube-object.ts';
import { ObjectStore } from './object-store.ts';

function object(name: string, resourceVersion: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'shop', name, resourceVersion } };
}

function recording(): { store: ObjectStore<KubeObject>; told: string[]; errors: unknown[] } {
  const told: string[] = [];
  const errors: unknown[] = [];
  const store = new ObjectStore<KubeObject>((error) => errors.push(error));
  store.onChange((key, now) => told.push(`${key}=${now?.metadata.resourceVersion ?? 'gone'}`));
  return { store, told, errors };
}

test('a change is told once, and can be read by then', () => {
  const { store, told } = recording();
  store.onChange((key, now) => assert.equal(store.get(key), now));
  store.set(object('a', '1'));
  store.set(object('a', '1'));
  store.set(object('a', '2'));
  store.delete('shop/a');
  store.delete('shop/a');
  assert.deepEqual(told, ['shop/a=1', 'shop/a=2', 'shop/a=gone']);
});

test('a whole list is told as what differs from before', () => {
  const { store, told } = recording();
  store.replaceAll([object('a', '1'), object('b', '1'), object('c', '1')]);
  told.length = 0;
  store.replaceAll([object('b', '1'), object('c', '2'), object('d', '1')]);
  assert.deepEqual(told, ['shop/a=gone', 'shop/c=2', 'shop/d=1']);
});

test('who repeats what is told has the same objects', () => {
  const version = fc.integer({ min: 1, max: 3 }).map(String);
  const list = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), version), {
    selector: ([name]) => name,
  });
  fc.assert(
    fc.property(fc.array(list), (lists) => {
      const store = new ObjectStore<KubeObject>(() => assert.fail());
      const copy = new Map<string, KubeObject>();
      store.onChange((key, now) => void (now === undefined ? copy.delete(key) : copy.set(key, now)));
      for (const one of lists) store.replaceAll(one.map(([name, version]) => object(name, version)));
      const sorted = (objects: Iterable<KubeObject>): string[] =>
        [...objects].map(({ metadata }) => `${metadata.name}${metadata.resourceVersion ?? ''}`).sort();
      assert.deepEqual(sorted(copy.values()), sorted(store.all()));
    }),
  );
});

test('a listener that throws is reported, and the others are told all the same', () => {
  const { store, told, errors } = recording();
  store.onChange(() => {
    throw new Error('broken listener');
  });
  const later: string[] = [];
  store.onChange((key) => later.push(key));
  store.set(object('a', '1'));
  assert.deepEqual([told, later], [['shop/a=1'], ['shop/a']]);
  assert.match(String(errors[0]), /broken listener/);
});

test('a listener that was taken back is told nothing', () => {
  const { store } = recording();
  const end = store.onChange(() => assert.fail());
  end();
  store.set(object('a', '1'));
});
