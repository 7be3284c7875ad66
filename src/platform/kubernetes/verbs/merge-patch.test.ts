import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isMap } from '../../../app/raw-value.ts';
import { mergePatchOf } from './merge-patch.ts';

/** As RFC 7386, section 2, has it. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Record<string, unknown> = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch))
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  return result;
}

const { data } = fc.letrec((tie) => ({
  data: fc.oneof({ maxDepth: 4 }, fc.constantFrom('a', 'b', 1, true, [], ['x', { y: 1 }]), tie('map')),
  map: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('data'), { noNullPrototype: true }),
}));

test('a patch makes the one of the other', () => {
  fc.assert(
    fc.property(data, data, (from, to) => {
      assert.deepEqual(merged(from, mergePatchOf(from, to)), to);
    }),
  );
});

test('what is the same is not part of a patch', () => {
  assert.deepEqual(mergePatchOf({ a: 1, b: { c: 2, d: 3 } }, { a: 1, b: { c: 2, d: 4 } }), { b: { d: 4 } });
  assert.deepEqual(mergePatchOf({ a: 1, b: 2 }, { a: 1 }), { b: null });
});
