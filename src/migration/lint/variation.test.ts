import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Parameter } from './recording.ts';
import { variations } from './variation.ts';

const parameters: readonly Parameter[] = [
  { type: 'bigint', value: 5 },
  { type: 'varchar', value: 'name' },
];

test('every variation has all parameters with their types, and changes one at most in each execution', () => {
  for (const variation of variations(parameters)) {
    for (const sent of variation) {
      assert.deepEqual(
        sent.map(({ type }) => type),
        ['bigint', 'varchar'],
      );
      assert.ok(sent.filter(({ value }, at) => value !== parameters[at]?.value).length <= 1);
    }
  }
});

test('a statement without parameters is tried twice in one transaction', () => {
  assert.deepEqual(variations([]), [[[], []]]);
});

test('numbers lie on both sides of the ends of types, texts on both sides of usual lengths', () => {
  const sent = new Set(
    variations(parameters).flatMap((variation) => variation.flat().map(({ value }) => value)),
  );
  for (const value of ['127', '128', '2147483647', '2147483648', '4294967296', '-1', null])
    assert.ok(sent.has(value));
  const lengths = new Set([...sent].map((value) => String(value).length));
  for (const length of [0, 30, 40, 100, 255, 256, 70_000]) assert.ok(lengths.has(length));
});
