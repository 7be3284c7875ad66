import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnose, volumeProblem } from './diagnosis.ts';

/** What MariaDB 10.11 wrote in each case. */
const cases: readonly (readonly [cause: RegExp, words: string, log: string])[] = [
  [
    /volume .* is full/,
    'No space left on device',
    `2026-11-23  1:51:53 0 [ERROR] mariadbd: Error writing file './ddl_recovery.log' (Errcode: 28 "No space left on device")
2026-11-23  1:51:53 0 [ERROR] Aborting
2026-11-23  1:51:53 0 [ERROR] mariadbd: Error on close of '(null)' (Errcode: 9 "Bad file descriptor")`,
  ],
  [
    /volume .* is full/,
    'preallocating',
    `2026-11-23  1:51:47 0 [ERROR] InnoDB: preallocating 100663296 bytes for file ./ib_logfile101 failed with error 28
2026-11-23  1:51:47 0 [ERROR] InnoDB: Database creation was aborted with error Generic error.
2026-11-23  1:51:47 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.`,
  ],
  [
    /damaged/,
    'Data structure corruption',
    `2026-11-23  1:52:37 0 [ERROR] InnoDB: Invalid log header checksum
2026-11-23  1:52:37 0 [ERROR] InnoDB: Plugin initialization aborted with error Data structure corruption
2026-11-23  1:52:37 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.
2026-11-23  1:52:37 0 [ERROR] Unknown/unsupported storage engine: InnoDB`,
  ],
  [
    /damaged/,
    'File ./ib_logfile0 was not found',
    `2026-11-23  1:52:31 0 [ERROR] InnoDB: File ./ib_logfile0 was not found
2026-11-23  1:52:31 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error`,
  ],
  [
    /damaged/,
    "Table 'mysql.db' doesn't exist",
    `2026-11-23  1:52:47 0 [ERROR] Could not open mysql.plugin table: "Table 'mysql.plugin' doesn't exist". Some plugins may be not loaded
2026-11-23  1:52:47 0 [ERROR] Fatal error: Can't open and lock privilege tables: Table 'mysql.db' doesn't exist`,
  ],
  [
    /port is taken/,
    'Got error: 98',
    `2026-11-23  1:53:05 0 [ERROR] Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use
2026-11-23  1:53:05 0 [ERROR] Do you already have another server running on port: 3399 ?`,
  ],
  [
    /another MariaDB is at work/,
    'Unable to lock',
    `2026-11-23  1:53:05 0 [ERROR] InnoDB: Unable to lock ./ibdata1 error: 11
2026-11-23  1:53:05 0 [ERROR] InnoDB: Plugin initialization aborted with error Cannot open a file`,
  ],
];

test('the cause is told with the words that show it', () => {
  for (const [cause, words, log] of cases) {
    const told = diagnose({ code: 1, signal: null, log });
    assert.match(told, cause);
    assert.ok(told.includes(words), told);
    assert.ok(!told.includes('\n'));
  }
});

test('what is not known is told in its own words, or by how it ended', () => {
  const log = '2026-11-23  1:53:05 0 [ERROR] Something new\n2026-11-23  1:53:05 0 [ERROR] Aborting\n';
  assert.equal(
    diagnose({ code: 7, signal: null, log }),
    'MariaDB ended with exit code 7 (it says: Something new)',
  );
  assert.match(diagnose({ code: null, signal: 'SIGKILL', log: '' }), /SIGKILL.*memory limit/);
  assert.equal(diagnose({ code: null, signal: 'SIGSEGV', log: '' }), 'MariaDB was ended by SIGSEGV');
});

test('a volume is nearly full when little is left, both in bytes and as a share', () => {
  const gigabyte = 2 ** 30;
  assert.equal(volumeProblem({ size: 10 * gigabyte, free: gigabyte }), undefined);
  assert.equal(volumeProblem({ size: 1_000 * gigabyte, free: gigabyte }), undefined);
  assert.equal(volumeProblem({ size: gigabyte, free: gigabyte / 10 }), undefined);
  assert.match(volumeProblem({ size: gigabyte, free: 0 }) ?? '', /0 of 1024 MiB are free/);
});
