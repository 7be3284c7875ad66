import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { populate, preferenceOf } from './maglev.ts';

interface Filled {
  readonly size: number;
  readonly offsets: readonly number[];
  readonly skips: readonly number[];
  /** Slots that each has in the end. */
  readonly counts: readonly number[];
  readonly slots?: readonly number[];
  /** Of all slots, joined by commas. */
  readonly sha256: string;
}

/** Made by another implementation; see maglev.go beside it. */
const FILLED = JSON.parse(
  readFileSync(new URL('../../../test/routing/vectors/maglev.json', import.meta.url), 'utf8'),
) as Filled[];

/** Table 1 of the paper: before and after B1 is removed. */
test('the example of the paper comes out', () => {
  const [b0, b1, b2] = [
    { offset: 3, skip: 4, weight: 1 },
    { offset: 0, skip: 2, weight: 1 },
    { offset: 3, skip: 1, weight: 1 },
  ];
  assert.deepEqual([...populate([b0, b1, b2], 7)], [1, 0, 1, 0, 2, 2, 0]);
  assert.deepEqual([...populate([b0, b2], 7)], [0, 0, 0, 0, 1, 1, 1]);
});

test('tables are filled as by another implementation', () => {
  for (const { size, offsets, skips, counts, slots, sha256 } of FILLED) {
    const preferences = offsets.map((offset, n) => ({ offset, skip: skips[n] ?? 0, weight: 1 }));
    const filled = [...populate(preferences, size)];
    if (slots !== undefined) assert.deepEqual(filled, slots);
    assert.deepEqual(
      counts.map((_, n) => filled.filter((owner) => owner === n).length),
      counts,
    );
    assert.equal(createHash('sha256').update(filled.join(',')).digest('hex'), sha256);
  }
});

/** The tables that Envoy's own tests expect: `Basic`, `BasicWithHostName` and `Weighted` in maglev_lb_test.cc. */
test('names and weights make the tables that Envoy publishes', () => {
  const filled = (names: readonly string[], weights: readonly number[], size: number): number[] => [
    ...populate(
      names.map((id, n) => preferenceOf({ id, weight: weights[n] ?? 1 }, size)),
      size,
    ),
  ];
  const addresses = [
    '127.0.0.1:90',
    '127.0.0.1:91',
    '127.0.0.1:92',
    '127.0.0.1:93',
    '127.0.0.1:94',
    '127.0.0.1:95',
  ];
  assert.deepEqual(filled(addresses, [], 7), [2, 4, 0, 1, 5, 0, 3]);
  assert.deepEqual(filled(['90', '91', '92', '93', '94', '95'], [], 7), [2, 5, 0, 3, 4, 1, 0]);
  assert.deepEqual(
    filled(addresses.slice(0, 2), [1, 2], 17),
    [1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1],
  );
  assert.deepEqual(
    filled(addresses.slice(0, 1), [7], 17),
    Array.from({ length: 17 }, () => 0),
  );
});
