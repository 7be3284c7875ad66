/**
 * What was applied is compared with what the API server has made of it: defaults added, lists of named
 * things in another order, amounts and empty values written in its own way.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FULL, rendered } from '../../../../test/simulation/rendered.ts';
import { differenceOf } from './difference.ts';

type Tree = Readonly<Record<string, unknown>>;

/** An object as the API server gives it back. */
function kept(value: unknown, path: readonly string[] = []): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => kept(item, path));
    return items.every((item) => isTree(item) && 'name' in item) ? items.toReversed() : items;
  }
  if (!isTree(value)) return path.includes('resources') ? rewritten(value) : value;
  const entries = Object.entries(value)
    .filter(([key, inner]) => !(inner === '' && key === 'value') && !(key === 'data' && isEmpty(inner)))
    .map(([key, inner]) => [key, kept(inner, [...path, key])] as const);
  return { ...defaultsFor(value), ...Object.fromEntries(entries.toReversed()) };
}

/** The same amount in other words. */
function rewritten(value: unknown): unknown {
  const [, number, unit] = /^(\d+)(Gi|Mi)?$/.exec(String(value)) ?? [];
  if (number === undefined) return value;
  if (unit === 'Gi') return `${String(Number(number) * 1024)}Mi`;
  return unit === undefined && Number(number) < 100 ? `${String(Number(number) * 1000)}m` : value;
}

function defaultsFor(value: Tree): Tree {
  return {
    ...('containers' in value
      ? { dnsPolicy: 'ClusterFirst', restartPolicy: 'Always', schedulerName: 'default' }
      : {}),
    ...('image' in value
      ? { terminationMessagePath: '/dev/termination-log', imagePullPolicy: 'IfNotPresent' }
      : {}),
    ...('httpGet' in value ? { successThreshold: 1 } : {}),
    ...('secretName' in value ? { defaultMode: 420 } : {}),
    ...('clusterIP' in value ? { clusterIPs: ['None'], sessionAffinity: 'None', type: 'ClusterIP' } : {}),
    ...('metadata' in value && 'kind' in value ? { status: {} } : {}),
    ...('ownerReferences' in value
      ? { uid: 'u', resourceVersion: '7', generation: 2, managedFields: [] }
      : {}),
  };
}

const OBJECTS = rendered({
  ...FULL,
  services: {
    ...FULL.services,
    login: { ...FULL.services.login, env: { TOKEN: { generate: 16 }, EMPTY: { value: '' } } },
  },
});

test('what was applied is as wanted, also after the API server has made it its own', () => {
  for (const object of OBJECTS) {
    assert.equal(differenceOf(object, object), undefined);
    const live = kept(object);
    assert.notDeepEqual(live, object);
    assert.equal(differenceOf(object, live), undefined, `${object.kind} ${object.metadata.name}`);
  }
});

test('whatever one value is changed to, the difference is found and named', () => {
  const found = fc
    .constantFrom(...OBJECTS)
    .chain((object) => fc.record({ object: fc.constant(object), path: fc.constantFrom(...leaves(object)) }));
  fc.assert(
    fc.property(found, fc.constantFrom('changed', 'missing'), ({ object, path }, how) => {
      const live = withChange(object, path, how);
      const difference = differenceOf(object, live);
      // An empty value and an absent one are the same to the API server.
      const isInList = Array.isArray(valueAt(object, path.slice(0, -1)));
      if (how === 'missing' && !isInList && valueAt(object, path) === '')
        return assert.equal(difference, undefined);
      assert.notEqual(difference, undefined, path.join('.'));
    }),
    { numRuns: 500 },
  );
});

test('others may add what is theirs: keys, and things with other names', () => {
  const wanted = { metadata: { labels: { a: '1' } }, spec: { ports: [{ name: 'http', port: 80 }] } };
  const live = {
    metadata: { labels: { a: '1', b: '2' } },
    spec: {
      ports: [
        { name: 'more', port: 81 },
        { name: 'http', port: 80, nodePort: 30_000 },
      ],
      replicas: 3,
    },
  };
  assert.equal(differenceOf(wanted, live), undefined);
});

test('what has no names is compared in order and length', () => {
  assert.equal(differenceOf({ args: ['a'] }, { args: ['a', 'b'] }), 'args');
  assert.equal(differenceOf({ args: ['a', 'b'] }, { args: ['b', 'a'] }), 'args.0');
  assert.equal(differenceOf({ args: [] }, {}), undefined);
});

test('only amounts of resources may be written in another way', () => {
  assert.equal(differenceOf({ resources: { cpu: '500m' } }, { resources: { cpu: '0.5' } }), undefined);
  assert.equal(
    differenceOf({ resources: { memory: '1Gi' } }, { resources: { memory: '1024Mi' } }),
    undefined,
  );
  assert.equal(
    differenceOf({ resources: { memory: '1Gi' } }, { resources: { memory: '1G' } }),
    'resources.memory',
  );
  assert.equal(
    differenceOf({ env: [{ name: 'A', value: '1000m' }] }, { env: [{ name: 'A', value: '1' }] }),
    'env.A.value',
  );
});

function leaves(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], value);
}

function withChange(object: unknown, path: readonly string[], how: string): unknown {
  const copy = structuredClone(object);
  const holder = valueAt(copy, path.slice(0, -1)) as Record<string, unknown>;
  const key = path.at(-1) ?? '';
  if (how === 'changed')
    holder[key] = typeof holder[key] === 'number' ? holder[key] + 1 : `${String(holder[key])}-other`;
  else if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
  return copy;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return isTree(value) && Object.keys(value).length === 0;
}
