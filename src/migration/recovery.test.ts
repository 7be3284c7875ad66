import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { JournalRow } from './journal-row.ts';
import type { MigrationFile } from './migration-set.ts';
import { interruptedStatement, sessionBefore, type LiveSchema } from './recovery.ts';
import { parseMigrations } from './source.ts';

function fileOf(sql: string): MigrationFile {
  const [file] = parseMigrations('m', [{ file: 'V1__x.sql', content: Buffer.from(sql) }]).files;
  assert.ok(file);
  return file;
}

/** The row of the first statement of a file, begun and not finished. */
function rowOf(file: MigrationFile, change: Partial<JournalRow> = {}): JournalRow {
  return {
    version: file.version,
    statement: 1,
    name: file.name,
    hash: file.statements[0]?.hash ?? '',
    checksum: file.checksum,
    statements: file.statements.length,
    state: 'running',
    began: true,
    fingerprintBefore: 'before',
    fingerprintAfter: 'after',
    isSingle: true,
    epoch: 1,
    startedAt: new Date(0),
    finishedAt: undefined,
    durationMs: undefined,
    error: undefined,
    appliedBy: 'm@h',
    ...change,
  };
}

function live(fingerprint: string, change: Partial<LiveSchema> = {}): LiveSchema {
  return { fingerprint, objects: new Map(), notTransactional: [], ...change };
}

const alter = fileOf('ALTER TABLE t ADD x INT;');

function outcome(row: JournalRow, schema: LiveSchema, file = alter): string {
  const recovery = interruptedStatement(file, row, schema);
  return recovery.kind === 'unclear' ? recovery.reason : recovery.kind;
}

test('one schema change is applied when the schema is as after it, and not applied when as before it', () => {
  assert.equal(outcome(rowOf(alter), live('after')), 'applied');
  assert.equal(outcome(rowOf(alter), live('before')), 'not-applied');
});

test('a schema that is neither stops with what each object was to be and is', () => {
  const changes = [{ object: 'table t', expected: 'a\nnew', found: 'a' }];
  const neither = live('other', { changes, objects: new Map([['table t', 'a\nodd']]) });
  assert.match(outcome(rowOf(alter), neither), /neither as before it nor as after it[^]*- new[^]*\+ odd/);
  const elsewhere = live('other', { changes, objects: new Map([['table t', 'a\nnew']]) });
  assert.match(outcome(rowOf(alter), elsewhere), /table t: is as after it[^]*another part of the schema/);
});

test('what leaves no trace, and what does several things, is never judged by the schema', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('before', 'after', 'other'),
      fc.constantFrom('before', 'after'),
      fc.constantFrom(true, false, undefined),
      (now, after, isSingle) => {
        const { isSingle: _, ...row } = rowOf(alter, { fingerprintAfter: after });
        const { kind } = interruptedStatement(
          alter,
          { ...row, ...(isSingle === undefined ? {} : { isSingle }) },
          live(now),
        );
        const isKnown = isSingle === true && after !== 'before' && now !== 'other';
        assert.equal(kind === 'unclear', !isKnown);
      },
    ),
  );
});

test('without a shadow a single change is judged by its words, anything else not at all', () => {
  const { fingerprintAfter: _, ...row } = rowOf(alter);
  assert.equal(outcome(row, live('other')), 'applied');
  assert.equal(outcome(row, live('before')), 'not-applied');
  const call = fileOf('CALL p();');
  const { fingerprintAfter: __, ...called } = rowOf(call);
  assert.match(outcome(called, live('other'), call), /perhaps in several steps, and the schema has changed/);
});

test('a statement that was never committed is run again, unless a table keeps what is rolled back', () => {
  const row = rowOf(alter, { began: false });
  assert.equal(outcome(row, live('other')), 'not-applied');
  const kept = live('before', { notTransactional: ['log'] });
  assert.match(outcome(row, kept), /may have changed tables that have no transactions \(log\)/);
});

test('a repeatable statement is run again whatever the schema is, unless it was another one', () => {
  const file = fileOf('-- holdfast: repeatable\nTRUNCATE TABLE t;');
  assert.equal(outcome(rowOf(file), live('other', { notTransactional: ['log'] }), file), 'not-applied');
  assert.match(outcome(rowOf(file, { hash: 'other' }), live('after'), file), /it has been edited since/);
});

test('a statement of an older release is left to a human, with the way to say what is the case', () => {
  const reason = outcome(rowOf(alter, { epoch: 0 }), live('after'));
  assert.match(reason, /^V1__x\.sql:1: statement 1 .* an older release of Holdfast began it/);
  assert.match(reason, /migrate repair --applied V1:1 [^]*migrate repair --not-applied V1:1/);
});

test('settings are repeated on a new connection, and a computed value that is needed is missed', () => {
  const file = fileOf("SET NAMES utf8mb4; SET @n = 1; SET @now = NOW(); SELECT 1; SELECT @n; SELECT 'x';");
  const plan = sessionBefore(file, 6);
  assert.deepEqual(plan.kind === 'repeat' && plan.statements.map(({ sql }) => sql), [
    'SET NAMES utf8mb4',
    'SET @n = 1',
  ]);
  assert.equal(sessionBefore(file, 5).kind, 'lost');
  assert.equal(sessionBefore(fileOf('INSERT INTO t VALUES (1); SELECT LAST_INSERT_ID();'), 2).kind, 'lost');
  assert.equal(sessionBefore(fileOf('SELECT LAST_INSERT_ID();'), 1).kind, 'repeat');
});
