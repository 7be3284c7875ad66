import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lockFinding } from './lock-finding.ts';

const changed = [{ object: 'table big', expected: 'b', found: 'a' }];
const sizes = new Map([['big', { rows: 5_000_000, bytes: 2 ** 30 }]]);

test('an instant change is nothing to speak of, nor an index that is made while the application goes on', () => {
  assert.equal(lockFinding({ algorithm: 'instant', blocksWrites: false }, changed, sizes), undefined);
  assert.equal(lockFinding({ algorithm: 'nocopy', blocksWrites: false }, changed, sizes), undefined);
  assert.equal(lockFinding({ blocksWrites: false }, changed, sizes), undefined);
});

test('a copy of a large table is an error with its time and disk, of a small one nothing', () => {
  const trial = { algorithm: 'copy', blocksWrites: true } as const;
  assert.deepEqual(lockFinding(trial, changed, sizes), {
    rule: 'copies-table',
    severity: 'error',
    message:
      'the table is copied, and the application can not write to it meanwhile: big has about 5000000 rows; roughly 52 s, 1024 MB of disk',
  });
  assert.equal(lockFinding(trial, changed, new Map()), undefined);
});

test('without a database the size is not known, and the finding a warning', () => {
  const found = lockFinding({ algorithm: 'nocopy', blocksWrites: true }, changed, undefined);
  assert.equal(found?.rule, 'blocks-writes');
  assert.equal(found?.severity, 'warning');
});
