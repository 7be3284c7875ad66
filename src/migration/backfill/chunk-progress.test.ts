import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Statement } from '../migration-set.ts';
import {
  backfillStatus,
  describeBackfill,
  isProgressOf,
  parseProgress,
  type ChunkProgress,
} from './chunk-progress.ts';

const progress: ChunkProgress = {
  hash: 'h',
  table: 't',
  key: 'id',
  last: '42',
  rows: 1_000,
  total: 4_000,
  ms: 60_000,
};

test('what remains is estimated at the pace so far, and never below nothing', () => {
  assert.deepEqual(backfillStatus(progress), { rows: 1_000, total: 4_000, remainingMs: 180_000 });
  assert.deepEqual(backfillStatus({ ...progress, rows: 5_000 }), {
    rows: 5_000,
    total: 5_000,
    remainingMs: 0,
  });
  assert.deepEqual(backfillStatus({ ...progress, rows: 0 }), { rows: 0, total: 4_000 });
});

test('how far it is is told in a line', () => {
  const told = (remainingMs: number): string => describeBackfill({ rows: 1, total: 2, remainingMs });
  assert.equal(describeBackfill({ rows: 0, total: 2 }), '0 of about 2 rows');
  assert.equal(told(1_500), '1 of about 2 rows, about 2 s left');
  assert.equal(told(600_000), '1 of about 2 rows, about 10 min left');
  assert.equal(told(36_000_000), '1 of about 2 rows, about 10 h left');
});

test('chunks count for the same statement, table and key only', () => {
  const statement: Statement = { index: 1, sql: 'x', line: 1, hash: 'h', repeatable: false, allowances: [] };
  const backfill = { table: 't', key: 'id', rows: 5 };
  assert.equal(isProgressOf(progress, statement, backfill), true);
  assert.equal(isProgressOf(progress, { ...statement, hash: 'i' }, backfill), false);
  assert.equal(isProgressOf(progress, statement, { ...backfill, key: 'n' }), false);
  assert.equal(isProgressOf(progress, statement, { ...backfill, table: 'u' }), false);
});

test('what the journal keeps is read again, and nothing else', () => {
  assert.deepEqual(parseProgress(JSON.stringify(progress)), progress);
  assert.equal(parseProgress('{"hash'), undefined);
});
