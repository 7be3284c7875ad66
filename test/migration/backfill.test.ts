/** Backfills in chunks: what they do to rows, what is refused, and how far they say they are. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createConnection, type ResultSetHeader } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { MigrationFailure, MigrationRefused } from '../../src/migration/migration-failure.ts';
import { migrationStatus } from '../../src/migration/migration-status.ts';
import type { MigrationProgress } from '../../src/migration/progress.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { setOf, withDatabase, type TestDatabase } from './support.ts';

let server: TestServer;
before(async () => {
  server = await startMariadb();
});
after(() => server.close());

const fill = (mark: string, statement: string): string => `-- holdfast: backfill ${mark}\n${statement};`;
const count = (table: string, key: string): string =>
  `UPDATE ${table} SET n = n + 1 WHERE ${key} BETWEEN @chunk_first AND @chunk_last`;
const table = 'CREATE TABLE t (id BIGINT PRIMARY KEY, n INT NOT NULL DEFAULT 0)';
const rows = (number: number): string =>
  `INSERT INTO t (id) SELECT CAST(seq * seq AS SIGNED) - 50 FROM seq_1_to_${number}`;

test('every row is changed once, chunk by chunk, and the files behind it follow', () =>
  withDatabase(server, async ({ run, rows: select }) => {
    const chunks: MigrationProgress[] = [];
    const set = setOf({
      'V1__t.sql': `${table};\n${rows(250)};\nCREATE TABLE seen (first BIGINT, last BIGINT);`,
      'V2__fill.sql': `${fill('t by id, 60 rows', count('t', 'id'))}
INSERT INTO seen SELECT @chunk_first, @chunk_last;`,
      'V3__after.sql': 'ALTER TABLE t ADD done BOOLEAN NOT NULL DEFAULT TRUE;',
    });
    await run(set, { progress: (event) => event.kind === 'backfill' && chunks.push(event) });
    assert.deepEqual(await select('SELECT n, COUNT(*) FROM t GROUP BY n'), [[1, 250]]);
    const seen = await select('SELECT COUNT(*) >= 5, MIN(first), MAX(last) FROM seen');
    assert.deepEqual(seen, [[1, -49, 250 * 250 - 50]]);
    for (const statement of [1, 2]) {
      const told = chunks.flatMap((event) =>
        event.kind === 'backfill' && event.statement === statement ? event.rows : [],
      );
      assert.ok(told.length >= 5);
      assert.deepEqual(
        told,
        told.toSorted((a, b) => a - b),
      );
      assert.equal(told.at(-1), 250);
    }
  }));

test('it walks along numbers of every size, texts, dates and binary keys', async () => {
  const keys = {
    'BIGINT UNSIGNED': '18446744073709551615 - seq',
    'DECIMAL(30, 10)': '12345678901234567890.0000000001 + seq / 3',
    'VARCHAR(20) CHARACTER SET latin1': "CONCAT('ÄÖ\\'\\\\ ', seq)",
    'VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin':
      "CONCAT(CHAR(128512 USING utf32), seq, REPEAT(' ', seq MOD 3))",
    'VARBINARY(20)': 'UNHEX(SHA1(seq))',
    'DATETIME(6)': "'2026-01-01 00:00:00.000001' + INTERVAL seq MICROSECOND",
    DATE: "'2020-01-01' + INTERVAL seq DAY",
    UUID: "CONCAT(SUBSTR(SHA1(seq), 1, 8), '-1111-11ee-8000-', SUBSTR(SHA1(seq), 9, 12))",
  };
  for (const [type, value] of Object.entries(keys)) {
    await withDatabase(server, async ({ run, rows: select }) => {
      const set = setOf({
        'V1__t.sql': `CREATE TABLE t (k ${type} PRIMARY KEY, n INT NOT NULL DEFAULT 0);
INSERT INTO t (k) SELECT ${value} FROM seq_1_to_90;`,
        'V2__fill.sql': `${fill('`t` by `k`, 7 rows', count('t', 'k'))}
DELETE FROM t WHERE k BETWEEN @chunk_first AND @chunk_last AND n = 0;`,
      });
      await run(set);
      assert.deepEqual(await select('SELECT n, COUNT(*) FROM t GROUP BY n'), [[1, 90]], type);
    });
  }
});

test('rows that the application adds and takes away meanwhile are changed once at most', () =>
  withDatabase(server, async ({ run, admin, rows: select, serviceUrl }) => {
    await admin.query(table);
    await admin.query('INSERT INTO t (id) SELECT seq * 10 FROM seq_1_to_2000');
    const application = await createConnection(connectionOptions(serviceUrl));
    const end = new AbortController();
    const work = async (): Promise<number> => {
      let changes = 0;
      for (let step = 0; !end.signal.aborted; step += 1) {
        const sql = step % 2 === 0 ? 'INSERT IGNORE INTO t (id) VALUES (?)' : 'DELETE FROM t WHERE id = ?';
        const [result] = await application
          .query<ResultSetHeader>(sql, [(step * 7_919) % 25_000])
          .catch(deadlocked);
        changes += result.affectedRows;
      }
      return changes;
    };
    const working = work();
    try {
      await run(setOf({ 'V1__fill.sql': fill('t by id, 50 rows', count('t', 'id')) }));
    } finally {
      end.abort();
    }
    assert.ok((await working) > 0);
    await application.end();
    assert.deepEqual(await select('SELECT COUNT(*) FROM t WHERE n > 1'), [[0]]);
    const [[left] = []] = await select('SELECT COUNT(*) FROM t WHERE n = 0 AND id MOD 10 = 0');
    const [[met] = []] = await select('SELECT COUNT(*) FROM t WHERE n = 1');
    assert.ok(Number(met) > Number(left));
  }));

/** The application of a database may always be chosen to give way. */
function deadlocked(error: unknown): [{ affectedRows: number }] {
  assert.equal((error as { errno?: unknown }).errno, 1213);
  return [{ affectedRows: 0 }];
}

const refused: readonly (readonly [
  name: string,
  table: string,
  mark: string,
  statement: string,
  why: RegExp,
])[] = [
  ['no such table', table, 'u by id', count('u', 'id'), /there is no table u/],
  ['a view', `${table}; CREATE VIEW v AS SELECT * FROM t`, 'v by id', count('v', 'id'), /v is a view/],
  ['no such column', table, 't by k', count('t', 'k'), /has no column k/],
  ['a column without an index', table, 't by n', count('t', 'n'), /t\.n has no unique index of its own/],
  [
    'a part of a key',
    'CREATE TABLE t (a INT NOT NULL, b INT NOT NULL, n INT NOT NULL DEFAULT 0, UNIQUE (a, b))',
    't by a',
    count('t', 'a'),
    /t\.a has no unique index of its own/,
  ],
  [
    'a key that may be NULL',
    'CREATE TABLE t (id INT UNIQUE, n INT NOT NULL DEFAULT 0)',
    't by id',
    count('t', 'id'),
    /t\.id may be NULL/,
  ],
  [
    'a key that changes by itself',
    'CREATE TABLE t (id DATETIME(6) NOT NULL ON UPDATE CURRENT_TIMESTAMP(6) UNIQUE, n INT NOT NULL DEFAULT 0)',
    't by id',
    count('t', 'id'),
    /t\.id changes by itself/,
  ],
  [
    'a key that is not exact',
    'CREATE TABLE t (id DOUBLE PRIMARY KEY, n INT NOT NULL DEFAULT 0)',
    't by id',
    count('t', 'id'),
    /t\.id is a double/,
  ],
  [
    'a table without transactions',
    'CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0) ENGINE = MyISAM',
    't by id',
    count('t', 'id'),
    /the table t has no transactions/,
  ],
  [
    'a statement that changes the key',
    `${table}; INSERT INTO t (id) VALUES (1), (2)`,
    't by id',
    'UPDATE t SET id = id + 1000 WHERE id BETWEEN @chunk_first AND @chunk_last',
    /it changes `id`, along which it walks/,
  ],
  [
    'a statement that adds rows to the table that it walks',
    'CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, n INT NOT NULL); INSERT INTO t (n) VALUES (1), (2)',
    't by id',
    'INSERT INTO t (n) SELECT n + 1 FROM t WHERE id BETWEEN @chunk_first AND @chunk_last',
    /it adds rows to `app`\.`t`, the table that it walks/,
  ],
];
for (const [name, before, mark, statement, why] of refused) {
  test(`${name} is refused, and no row is changed`, () =>
    withDatabase(server, async ({ run, admin, rows: select, url }) => {
      for (const sql of before.split('; ')) await admin.query(sql);
      const all = "SELECT IFNULL(GROUP_CONCAT(id), '') FROM t";
      const keys = name === 'a part of a key' ? [] : await select(all);
      const set = setOf({ 'V1__fill.sql': fill(mark, statement) });
      await assert.rejects(run(set), (error: unknown) => {
        assert.ok(error instanceof MigrationFailure);
        assert.match(error.message, why);
        return true;
      });
      if (name !== 'a part of a key') assert.deepEqual(await select(all), keys);
      const { state, problem } = await migrationStatus({ url, set });
      assert.equal(state, 'failed');
      assert.match(problem ?? '', why);
    }));
}

/** A backfill that has done 100 of 300 rows and stands still, since the next one has a value that it can't take. */
async function stopped({ run, admin }: TestDatabase): Promise<Readonly<Record<string, string>>> {
  await admin.query('CREATE TABLE t (id INT PRIMARY KEY, n TINYINT NOT NULL DEFAULT 0)');
  await admin.query('INSERT INTO t SELECT seq, IF(seq = 150, 127, 0) FROM seq_1_to_300');
  const files = { 'V1__fill.sql': fill('t by id, 100 rows', count('t', 'id')) };
  await assert.rejects(run(setOf(files)), /Out of range value/);
  return files;
}

test('one that fails says how far it is, and goes on from there', () =>
  withDatabase(server, async (database) => {
    const { run, admin, rows: select, url } = database;
    const files = await stopped(database);
    const { state, files: statuses } = await migrationStatus({ url, set: setOf(files) });
    assert.equal(state, 'failed');
    const { backfill } = statuses[0] ?? {};
    assert.equal(backfill?.rows, 100);
    assert.ok(backfill.total >= 100 && backfill.remainingMs !== undefined);
    await admin.query('UPDATE t SET n = 0 WHERE id = 150');
    await run(setOf(files));
    assert.deepEqual(await select('SELECT n, COUNT(*) FROM t GROUP BY n'), [[1, 300]]);
  }));

test('one that has begun is not edited, unless it may begin anew', () =>
  withDatabase(server, async (database) => {
    const { run, rows: select } = database;
    await stopped(database);
    const other = 'UPDATE t SET n = 5 WHERE id BETWEEN @chunk_first AND @chunk_last';
    const edited = run(setOf({ 'V1__fill.sql': fill('t by id, 100 rows', other) }));
    await assert.rejects(edited, (error: unknown) => {
      assert.ok(error instanceof MigrationRefused);
      assert.match(error.message, /has been run for 100 rows and was edited since/);
      return true;
    });
    await run(setOf({ 'V1__fill.sql': fill('t by id', `-- holdfast: repeatable\n${other}`) }));
    assert.deepEqual(await select('SELECT n, COUNT(*) FROM t GROUP BY n'), [[5, 300]]);
  }));

test('one that is stopped in the middle goes on when it is run again', () =>
  withDatabase(server, async ({ run, admin, rows: select }) => {
    await admin.query(table);
    await admin.query(rows(300));
    const set = setOf({ 'V1__fill.sql': fill('t by id, 20 rows', count('t', 'id')) });
    const stop = new AbortController();
    const progress = (event: MigrationProgress): void => {
      if (event.kind === 'backfill' && event.rows >= 100) stop.abort(new Error('enough'));
    };
    await assert.rejects(run(set, { signal: stop.signal, progress }), { message: 'enough' });
    const [[done] = []] = await select('SELECT SUM(n) FROM t');
    assert.ok(Number(done) >= 100 && Number(done) < 300);
    await run(set);
    assert.deepEqual(await select('SELECT n, COUNT(*) FROM t GROUP BY n'), [[1, 300]]);
  }));

test('it gives way to a lock of the application, and goes on when that is gone', () =>
  withDatabase(server, async ({ run, admin, rows: select }) => {
    await admin.query(table);
    await admin.query(rows(300));
    await admin.query('START TRANSACTION');
    await admin.query('UPDATE t SET n = 10 WHERE id = 150 * 150 - 50');
    let blocked = 0;
    const progress = (event: MigrationProgress): void => {
      if (event.kind !== 'blocked') return;
      blocked += 1;
      if (blocked === 1) void admin.query('COMMIT');
    };
    await run(setOf({ 'V1__fill.sql': fill('t by id', count('t', 'id')) }), { progress });
    assert.ok(blocked > 0);
    assert.deepEqual(await select('SELECT n, COUNT(*) FROM t GROUP BY n ORDER BY n'), [
      [1, 299],
      [11, 1],
    ]);
  }));
