import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTransfer } from './transfer-request.ts';

const ALICE = 'alice@example.org';
const BOB = 'bob@example.org';

test('a whole request is read, with the address normalised', () => {
  assert.deepEqual(readTransfer({ to: ' Bob@example.org', cents: 250, memo: 'bread' }, ALICE, 'k-1'), {
    to: BOB,
    cents: 250,
    memo: 'bread',
    key: 'k-1',
  });
});

test('memo and key may be left out', () => {
  assert.deepEqual(readTransfer({ to: BOB, cents: 1 }, ALICE, undefined), {
    to: BOB,
    cents: 1,
    memo: '',
    key: null,
  });
});

test('an amount is a whole number of cents above zero', () => {
  for (const cents of [undefined, null, '5', 0, -1, 0.5, Number.NaN, Infinity, 2 ** 53, [5]]) {
    assert.match(problem({ to: BOB, cents }), /^cents/, String(cents));
  }
});

test('paying oneself is refused, however the address is written', () => {
  assert.match(problem({ to: 'ALICE@example.org', cents: 1 }), /themselves/);
});

test('a memo has at most 512 characters', () => {
  assert.equal(problem({ to: BOB, cents: 1, memo: 'x'.repeat(512) }), '');
  assert.match(problem({ to: BOB, cents: 1, memo: 'x'.repeat(513) }), /^memo/);
  assert.match(problem({ to: BOB, cents: 1, memo: 7 }), /^memo/);
});

test('a key is short and plain', () => {
  for (const key of ['', 'a b', 'x'.repeat(65), 'ä'])
    assert.match(problem({ to: BOB, cents: 1 }, key), /^idempotency/);
});

function problem(body: Record<string, unknown>, key?: string): string {
  const request = readTransfer(body, ALICE, key);
  return 'problem' in request ? request.problem : '';
}
