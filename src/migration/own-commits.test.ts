import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDataChange } from './allowed-statement.ts';
import { OwnCommits } from './own-commits.ts';

const plain = { isCluster: false, notTransactional: [], hasLarge: false };
const insert = 'INSERT INTO t VALUES (1)';

function made(object: string, expected: string): Parameters<OwnCommits['ran']>[1] {
  return { isSingle: true, before: 'a', changes: [{ object, expected }] };
}

/** Whether an INSERT needs no commit before it, when this has run before. */
function sufficesAfter(sql: string, expected: Parameters<OwnCommits['ran']>[1]): boolean {
  const commits = new OwnCommits(plain);
  commits.ran(sql, expected);
  return commits.suffices(insert);
}

test('only what changes rows and nothing else is known not to commit by itself', () => {
  for (const sql of [
    insert,
    'replace into t values (1)',
    '/* a */ UPDATE t SET a = 1',
    '/*!50000 DELETE */ FROM t',
  ])
    assert.ok(isDataChange(sql), sql);
  for (const sql of [
    'CALL p()',
    'TRUNCATE TABLE t',
    'EXECUTE IMMEDIATE @x',
    'SET PASSWORD = 1',
    'BEGIN NOT ATOMIC INSERT',
    'WITH a AS (SELECT 1) SELECT 1',
    'LOAD DATA INFILE x',
    'ALTER TABLE t ADD a INT',
    '(INSERT)',
  ])
    assert.ok(!isDataChange(sql), sql);
});

test('a change of data needs a commit before it on Galera, beside large tables and beside those without transactions', () => {
  assert.ok(new OwnCommits(plain).suffices(insert));
  assert.ok(!new OwnCommits(plain).suffices('CALL p()'));
  assert.ok(!new OwnCommits({ ...plain, isCluster: true }).suffices(insert));
  assert.ok(!new OwnCommits({ ...plain, hasLarge: true }).suffices(insert));
  assert.ok(!new OwnCommits({ ...plain, notTransactional: ['log'] }).suffices(insert));
});

test('a table without transactions that the run itself makes is noticed, also behind a comment that names InnoDB', () => {
  const table = (options: string): string => `CREATE TABLE \`t\` (\n  \`a\` int\n) ${options}`;
  assert.ok(sufficesAfter('CREATE TABLE t', made('table t', table('ENGINE=InnoDB DEFAULT CHARSET=utf8mb4'))));
  assert.ok(
    sufficesAfter('DROP TABLE t', {
      isSingle: true,
      before: 'a',
      changes: [{ object: 'table t', found: table('ENGINE=MyISAM') }],
    }),
  );
  assert.ok(sufficesAfter('CREATE VIEW v', made('view v', 'VIEW_DEFINITION: select 1')));
  assert.ok(
    !sufficesAfter('CREATE TABLE t', made('table t', table("ENGINE=MyISAM COMMENT=') ENGINE=InnoDB'"))),
  );
  assert.ok(!sufficesAfter('CREATE TABLE t', made('table t', table('ENGINE=Aria'))));
  assert.ok(!sufficesAfter('CREATE TABLE t', made('table t', table('DEFAULT CHARSET=utf8mb4'))));
});

test('what is not known to be one schema change may have made any table, a setting or a change of data none', () => {
  assert.ok(!sufficesAfter('CREATE TABLE t', { before: 'a' }));
  assert.ok(!sufficesAfter('CREATE TABLE t', { before: 'a', isSingle: true }));
  assert.ok(!sufficesAfter('CALL p()', { before: 'a', after: 'a', isSingle: false, changes: [] }));
  assert.ok(sufficesAfter(insert, { before: 'a' }));
  assert.ok(sufficesAfter('SET @two = 2', { before: 'a', after: 'a', isSingle: false, changes: [] }));
});
