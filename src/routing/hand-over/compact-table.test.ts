import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { OperationError } from '../../app/failure.ts';
import { decodeStoredText, decodeTableText } from '../published-structure.ts';
import { NOBODY, SLOTS } from '../owner-table.ts';
import { encodeCompact } from './compact-table.ts';
import type { CopiedTable } from './copied-table.ts';

/** Numbers that look like chance, the same ones for a seed (a linear congruential generator: Numerical Recipes). */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function anyTable(instances: number, epochs: number, seed: number): CopiedTable {
  const next = numbers(seed);
  const ids = Array.from({ length: instances }, (_, n) => `community-login-7d9f8b6c5d-${n}`).toSorted();
  const epoch = (): Uint32Array => new Uint32Array(SLOTS).map(() => next(epochs));
  const member = (): Uint16Array =>
    new Uint16Array(SLOTS).map(() => (next(20) === 0 ? NOBODY : next(instances)));
  return {
    service: 'login',
    epoch: epochs,
    owners: ids,
    members: ids.map((id, n) => ({
      id,
      incarnation: `7b0c5e6a-0000-4000-8000-${String(n).padStart(12, '0')}`,
      url: `http://10.235.1.${n}:7071`,
      http: `http://10.235.1.${n}:8080`,
    })),
    gone: ['one', 'another'],
    slots: member(),
    seconds: member(),
    terms: epoch(),
    ownerSince: epoch(),
    secondSince: epoch(),
  };
}

test('what is read is what was written', () => {
  const table = fc.tuple(
    fc.integer({ min: 1, max: 300 }),
    fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    fc.nat(),
  );
  fc.assert(
    fc.property(table, ([instances, epochs, seed]) => {
      const before = anyTable(instances, epochs, seed);
      const text = JSON.stringify(encodeCompact(before));
      assert.deepEqual(decodeStoredText(text), before);
      const { service, epoch, owners, slots } = before;
      assert.deepEqual(decodeTableText(text), { service, epoch, owners, slots });
    }),
    { numRuns: 10 },
  );
});

test('a hundred instances after a hundred thousand changes have room in an object of Kubernetes', () => {
  const { length } = JSON.stringify(encodeCompact(anyTable(100, 100_000, 1)));
  assert.ok(length < 0.9 * 2 ** 20, `${length} characters`);
});

test('what is damaged is refused', () => {
  const good = encodeCompact(anyTable(3, 10, 1));
  const { copies } = good;
  for (const worse of [
    { ...copies, planes: copies.planes.slice(0, 100) },
    { ...copies, planes: '' },
    { ...copies, instances: {} },
  ])
    assert.throws(() => decodeStoredText(JSON.stringify({ ...good, copies: worse })), OperationError);
});
