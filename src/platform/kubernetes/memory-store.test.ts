import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { App } from '../../app/model.ts';
import { appFromData } from '../../app/parse.ts';
import type { Settings } from '../platform.ts';
import type { KubeClient } from './api/kube-client.ts';
import { MemoryStore, historyOf, restartsOf, scaleOf } from './memory-store.ts';
import type { AppObject, ConfigMap } from './observe/kinds.ts';

const NOW = Date.parse('2026-01-01T10:00:00Z');
const OWNER = { apiVersion: 'holdfast.dev/v1alpha1', kind: 'App', name: 'shop', uid: 'u' };

function spec(number: number): object {
  return {
    name: 'shop',
    services: { web: { image: `web:${String(number)}`, instances: { min: 2, max: 5 } } },
  };
}

function app(number: number, annotations: Record<string, string> = {}): AppObject {
  return {
    apiVersion: 'holdfast.dev/v1alpha1',
    kind: 'App',
    metadata: { name: 'shop', namespace: 'team', annotations },
    spec: spec(number),
  };
}

/** The memory as the API server keeps it, and rounds that work with it. */
class Desk {
  memory: ConfigMap | undefined;
  readonly sent: string[] = [];

  store(object: AppObject): { readonly store: MemoryStore; readonly wanted: App } {
    const keep = (how: string) => (map: ConfigMap) => {
      this.sent.push(`${how} ${map.metadata.resourceVersion ?? 'new'}`);
      this.memory = { ...map, metadata: { ...map.metadata, resourceVersion: String(this.sent.length) } };
      return Promise.resolve(map);
    };
    const client = { create: keep('create'), replace: keep('replace') } as unknown as KubeClient;
    const wanted = appFromData(object.spec);
    const store = new MemoryStore({
      client,
      object,
      wanted,
      memory: this.memory,
      owner: OWNER,
      now: () => NOW,
    });
    return { store, wanted };
  }

  load(object: AppObject): Promise<Settings> {
    return this.store(object).store.load();
  }

  /** A round in which the wanted application is saved under a key, and what the next one loads. */
  async save(object: AppObject, key: 'inForce' | 'accepted'): Promise<Settings> {
    const { store, wanted } = this.store(object);
    await store.save({ ...(await store.load()), [key]: wanted });
    return this.load(object);
  }
}

test('what was saved is loaded by the next round, as the same application', async () => {
  const desk = new Desk();
  const [one, two] = [appFromData(spec(1)), appFromData(spec(2))];
  assert.deepEqual(await desk.load(app(1)), { scale: {}, restarts: {} });
  assert.deepEqual((await desk.save(app(1), 'inForce')).inForce, one);
  await desk.save(app(1), 'accepted');
  const after = await desk.load(app(2));
  assert.deepEqual([after.inForce, after.accepted], [one, one]);
  assert.equal(after.inForce, after.accepted, 'one spec is one value');
  const { store, wanted } = desk.store(app(1));
  assert.equal((await store.load()).inForce, wanted, 'also when it is what is wanted');
  const next = await desk.save(app(2), 'inForce');
  assert.deepEqual([next.inForce, next.accepted], [two, one]);
});

test('every save carries what it was decided on as its precondition', async () => {
  const desk = new Desk();
  await desk.save(app(1), 'inForce');
  await desk.save(app(1), 'accepted');
  await desk.save(app(2), 'inForce');
  assert.deepEqual(desk.sent, ['create new', 'replace 1', 'replace 2']);
});

test('a refusal holds for the spec that was refused, and for no other', async () => {
  const desk = new Desk();
  await desk.save(app(1), 'accepted');
  const { store } = desk.store(app(2));
  await store.save({ ...(await store.load()), refused: 'too slow' });
  assert.equal((await desk.load(app(2))).refused, 'too slow');
  assert.equal((await desk.load(app(3))).refused, undefined);
});

test('the last accepted specs are kept for going back, each once in a row', async () => {
  const desk = new Desk();
  for (const number of [1, 1, 2, 3, 4, 5, 6, 6]) await desk.save(app(number), 'accepted');
  const history = historyOf(desk.memory);
  assert.deepEqual(
    history.map((release) => release.spec),
    [2, 3, 4, 5, 6].map(spec),
  );
  assert.equal(history[0]?.at, '2026-01-01T10:00:00.000Z');
});

const damaged = fc.oneof(
  fc.string(),
  fc.json(),
  fc.constantFrom('null', '[]', '{}', '5', '[null]', '{"web":null}'),
);

test('memory that was damaged by hand is as good as none, and never in the way', async () => {
  const keys = ['inForce', 'accepted', 'refused', 'history'];
  const data = fc.dictionary(fc.constantFrom(...keys), damaged);
  await fc.assert(
    fc.asyncProperty(data, damaged, damaged, async (written, scale, restarts) => {
      const desk = new Desk();
      desk.memory = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'shop-holdfast', resourceVersion: '3' },
        data: written,
      };
      const object = app(1, { 'holdfast.dev/scale': scale, 'holdfast.dev/restarts': restarts });
      const { inForce, accepted } = await desk.load(object);
      assert.deepEqual([inForce, accepted], [undefined, undefined]);
      assert.deepEqual((await desk.save(object, 'accepted')).accepted, appFromData(spec(1)));
      assert.ok(Object.values(scaleOf(object, [appFromData(spec(1))])).every(Number.isInteger));
      assert.equal(typeof restartsOf(object), 'object');
    }),
  );
});

test('a number asked for by hand holds until the file changes its mind about that service', () => {
  const wish = { web: { count: 4, min: 2, max: 5 } };
  const scaled = (annotation: object): Record<string, number> =>
    scaleOf(app(1, { 'holdfast.dev/scale': JSON.stringify(annotation) }), [appFromData(spec(1))]);
  assert.deepEqual(scaled(wish), { web: 4 });
  assert.deepEqual(scaled({ web: { ...wish.web, max: 6 } }), {});
  assert.deepEqual(scaled({ gone: wish.web }), {});
  assert.deepEqual(scaled({ web: { ...wish.web, count: 'many' } }), {});
});

test('a number asked for by hand holds while other bounds are wanted and the old ones are in force', async () => {
  const desk = new Desk();
  const wish = { 'holdfast.dev/scale': JSON.stringify({ web: { count: 4, min: 2, max: 5 } }) };
  await desk.save(app(1, wish), 'inForce');
  const instances = { min: 1, max: 9 };
  const next: AppObject = {
    ...app(2, wish),
    spec: { name: 'shop', services: { web: { image: 'web:2', instances } } },
  };
  assert.deepEqual((await desk.load(next)).scale, { web: 4 });
  assert.deepEqual((await desk.save(next, 'inForce')).scale, {});
});
