import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JournalRow } from './journal-row.ts';
import { summary } from './migration-status.ts';
import type { MigrationFile, MigrationSet } from './migration-set.ts';
import { fileStatuses, planMigrations } from './plan.ts';
import { parseMigrations } from './source.ts';

const live = { fingerprint: 'now', notTransactional: [], objects: new Map<string, string>() };

function setOf(files: Record<string, string>): MigrationSet {
  const sources = Object.entries(files).map(([file, sql]) => ({ file, content: Buffer.from(sql) }));
  return parseMigrations('m', sources);
}

/** The journal after the first `count` statements of each file. */
function journalOf(files: readonly MigrationFile[], count = Number.POSITIVE_INFINITY): JournalRow[] {
  return files.flatMap((file) =>
    file.statements.slice(0, count).map(({ index, hash }) => ({
      version: file.version,
      statement: index,
      name: file.name,
      hash,
      checksum: file.checksum,
      statements: file.statements.length,
      state: 'applied' as const,
      began: true,
      fingerprintBefore: 'before',
      epoch: 1,
      startedAt: new Date(0),
      finishedAt: new Date(1),
      durationMs: 1,
      error: undefined,
      appliedBy: 'm@h',
    })),
  );
}

/** The journal with another state of its last row. */
function ending(rows: JournalRow[], change: Partial<JournalRow>): JournalRow[] {
  return rows.map((row, index) => (index === rows.length - 1 ? { ...row, ...change } : row));
}

const two = setOf({
  'V1__a.sql': 'CREATE TABLE a (x INT);',
  'V2__b.sql': 'SET @a = 1; CREATE TABLE b (x INT); DELETE FROM b;',
});
const one = { ...two, files: two.files.slice(0, 1) };

test('everything is run in order on an empty database, and nothing twice', () => {
  const plan = planMigrations(two, [], live);
  assert.ok(plan.kind === 'run');
  assert.deepEqual(
    plan.files.map(({ file, from }) => [file.version, from]),
    [
      ['1', 1],
      ['2', 1],
    ],
  );
  assert.deepEqual(planMigrations(two, journalOf(two.files), live), { kind: 'run', files: [] });
});

test('a file goes on at the statement that is not applied, with its settings repeated', () => {
  const rows = [...journalOf(one.files), ...journalOf(two.files.slice(1), 2)];
  const plan = planMigrations(two, rows, live);
  assert.ok(plan.kind === 'run');
  assert.deepEqual(
    plan.files.map(({ file, from, session }) => [file.version, from, session.map(({ sql }) => sql)]),
    [['2', 3, ['SET @a = 1']]],
  );
});

test('a database ahead of the files is applied', () => {
  const statuses = fileStatuses(one, journalOf(two.files));
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['applied', 'ahead'],
  );
  assert.equal(summary(statuses, false).state, 'applied');
  assert.deepEqual(planMigrations(one, journalOf(two.files), live), { kind: 'run', files: [] });
});

test('a database that is ahead by a contract can not be worked on by what the contract took away from', () => {
  const contract = journalOf(two.files).map((row) =>
    row.version === '2' ? { ...row, isContract: true } : row,
  );
  const statuses = fileStatuses(one, contract);
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['applied', 'missing'],
  );
  assert.match(
    summary(statuses, false).problem ?? '',
    /V2__b\.sql is applied and not among the migrations any more/,
  );
  assert.equal(planMigrations(one, contract, live).kind, 'refused');
  const failed = contract.map((row) =>
    row.isContract === true ? { ...row, state: 'failed' as const } : row,
  );
  assert.equal(summary(fileStatuses(one, failed), false).state, 'applied');
});

test('a changed file names its first statement that differs', () => {
  const edited = setOf({
    'V1__a.sql': 'CREATE TABLE a (x INT);',
    'V2__b.sql': 'SET @a = 1;\nCREATE TABLE c (x INT);',
  });
  const plan = planMigrations(edited, journalOf(two.files), live);
  assert.ok(plan.kind === 'refused');
  assert.match(plan.problems.join(), /V2__b\.sql:2: statement 2 differs from what has been applied/);
});

test('statements added to or taken from an applied file, and edited comments, are changes too', () => {
  for (const [sql, expected] of [
    ['CREATE TABLE a (x INT); SELECT 1;', /V1__a\.sql:1: statement 2 was added/],
    ['CREATE TABLE a (x INT); -- x', /V1__a\.sql: was edited .*only comments/],
  ] as const) {
    const plan = planMigrations(setOf({ 'V1__a.sql': sql }), journalOf(one.files), live);
    assert.ok(plan.kind === 'refused');
    assert.match(plan.problems.join(), expected);
  }
  const shorter = planMigrations(setOf({ 'V2__b.sql': 'SET @a = 1;' }), journalOf(two.files.slice(1)), live);
  assert.ok(shorter.kind === 'refused');
  assert.match(shorter.problems.join(), /V2__b\.sql: statement 2 is missing, but has been applied/);
});

test('a failed file may be edited from the failed statement on, not before', () => {
  const rows = ending(journalOf(two.files.slice(1), 2), { state: 'failed', error: 'no' });
  const first = { 'V1__a.sql': 'CREATE TABLE a (x INT);' };
  const journal = [...journalOf(one.files), ...rows];
  const mended = setOf({ ...first, 'V2__b.sql': 'SET @a = 1; CREATE TABLE c (x INT);' });
  const plan = planMigrations(mended, journal, live);
  assert.ok(plan.kind === 'run');
  assert.deepEqual(
    plan.files.map(({ from }) => from),
    [2],
  );
  const spoilt = setOf({ ...first, 'V2__b.sql': 'SET @a = 2; CREATE TABLE c (x INT);' });
  assert.equal(planMigrations(spoilt, journal, live).kind, 'refused');
  const status = summary(fileStatuses(two, journal), false);
  assert.equal(status.state, 'failed');
  assert.match(status.problem ?? '', /V2__b\.sql:1: statement 2 failed: no/);
  assert.equal(summary(fileStatuses(mended, journal), false).state, 'pending');
});

test('a file that is gone, and one that comes too late, are refused', () => {
  const second = { ...two, files: two.files.slice(1) };
  const gone = planMigrations(second, journalOf(two.files), live);
  assert.ok(gone.kind === 'refused');
  assert.match(gone.problems.join(), /V1__a\.sql has been applied, but is no longer in the folder/);
  const late = planMigrations(two, journalOf(second.files), live);
  assert.ok(late.kind === 'refused');
  assert.match(late.problems.join(), /V1__a\.sql has not been applied, but the later version 2 has/);
});

test('an interrupted schema change is found applied or not by the schema', () => {
  const rows = ending(journalOf(one.files), { state: 'running', began: true, fingerprintBefore: 'before' });
  const outcome = (fingerprint: string): unknown => {
    const plan = planMigrations(one, rows, { ...live, fingerprint });
    return plan.kind === 'run' ? plan.files[0]?.recovery?.kind : plan.problems;
  };
  assert.equal(outcome('before'), 'not-applied');
  assert.equal(outcome('other'), 'applied');
});

test('an interrupted data change was rolled back, unless a table has no transactions', () => {
  const set = setOf({ 'V1__a.sql': 'UPDATE t SET x = x + 1;' });
  const rows = ending(journalOf(set.files), { state: 'running', began: false });
  const plan = planMigrations(set, rows, live);
  assert.ok(plan.kind === 'run');
  assert.deepEqual(plan.files[0]?.recovery, { kind: 'not-applied' });
  const unclear = planMigrations(set, rows, { ...live, notTransactional: ['old'] });
  assert.ok(unclear.kind === 'refused');
  assert.match(unclear.problems.join(), /can't be known: .* no transactions \(old\)/);
});

test('an interrupted statement that commits by itself and hides in the schema is left to a human', () => {
  for (const sql of ['TRUNCATE t;', 'DROP TABLE a, b;', 'CALL p();']) {
    const set = setOf({ 'V1__a.sql': sql });
    const rows = ending(journalOf(set.files), { state: 'running', began: true });
    const plan = planMigrations(set, rows, live);
    assert.ok(plan.kind === 'refused', sql);
    assert.match(plan.problems.join(), /can't be known/);
  }
});

test('an interrupted schema change that was edited since is left to a human', () => {
  const rows = ending(journalOf(one.files), { state: 'running', began: true });
  const plan = planMigrations(setOf({ 'V1__a.sql': 'CREATE TABLE z (x INT);' }), rows, live);
  assert.ok(plan.kind === 'refused');
  assert.match(plan.problems.join(), /has been edited since/);
});

test('a value that the lost connection had computed stops the file', () => {
  const lost = (sql: string, done: number): boolean => {
    const set = setOf({ 'V1__a.sql': sql });
    return planMigrations(set, journalOf(set.files, done), live).kind === 'refused';
  };
  assert.ok(lost('SET @a = (SELECT MAX(id) FROM t); INSERT INTO t VALUES (@a);', 1));
  assert.ok(lost('SELECT id INTO @a FROM t; INSERT INTO t VALUES (@a);', 1));
  assert.ok(lost('INSERT INTO t VALUES (1); INSERT INTO u VALUES (LAST_INSERT_ID());', 1));
  assert.ok(!lost('SET @a = 5; INSERT INTO t VALUES (@a); INSERT INTO u VALUES (@a);', 2));
  assert.ok(!lost('SET @a = (SELECT MAX(id) FROM t); INSERT INTO t VALUES (@a); SELECT 1;', 2));
  assert.ok(!lost('INSERT INTO t VALUES (1); INSERT INTO u VALUES (LAST_INSERT_ID());', 0));
});

test('what is at work now is running, what was left is interrupted', () => {
  const rows = ending(journalOf(one.files), { state: 'running' });
  assert.equal(summary(fileStatuses(two, rows), true).state, 'running');
  assert.equal(summary(fileStatuses(two, rows), false).state, 'interrupted');
  const status = summary(fileStatuses(two, journalOf(one.files)), false);
  assert.deepEqual([status.state, status.applied, status.pending], ['pending', 1, 1]);
});
