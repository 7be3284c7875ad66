/** `migrate take-over` and `baseline` as processes, on databases that others have made. */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { flywayChecksum } from '../../src/migration/take-over/flyway-checksum.ts';
import { startVerb } from '../database/verb.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
let parent: string;
let admin: Connection;
before(async () => {
  server = await startMariadb();
  parent = await mkdtemp(join(tmpdir(), 'holdfast-take-over-'));
  admin = await createConnection(connectionOptions(server.url()));
});
after(async () => {
  admin.destroy();
  await server.close();
  await rm(parent, { recursive: true, force: true });
});
beforeEach(async () => {
  await admin.query('CREATE OR REPLACE DATABASE app');
  await admin.query('USE app');
});

async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(parent, 'set-'));
  for (const [file, sql] of Object.entries(files)) await writeFile(join(folder, file), sql);
  return folder;
}

async function migrate(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  await using verb = startVerb(['migrate', ...args], { DATABASE_URL: server.urlOf(testAccounts.migrator) });
  return await verb.ended;
}

async function rows(sql: string): Promise<unknown[][]> {
  const [found] = await admin.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
  return found;
}

const old = {
  'V1__t.sql': 'CREATE TABLE t (id INT PRIMARY KEY);\nINSERT INTO t VALUES (1);\n',
  'V2__n.sql': 'ALTER TABLE t ADD n INT;\n',
};
const files = { ...old, 'V3__u.sql': 'INSERT INTO t VALUES (2, 2);\nALTER TABLE t ADD u INT;\n' };

/** A database as Flyway leaves it, in a table of this name. */
async function asFlywayLeavesIt(table = 'flyway_schema_history'): Promise<void> {
  await admin.query(`CREATE TABLE ${table} (
    installed_rank INT NOT NULL PRIMARY KEY, version VARCHAR(50), description VARCHAR(200) NOT NULL,
    type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, checksum INT, installed_by VARCHAR(100) NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT '2026-01-02 03:04:05', execution_time INT NOT NULL, success BOOL NOT NULL)`);
  for (const [index, [file, text]] of Object.entries(old).entries()) {
    for (const sql of text.split(';\n').slice(0, -1)) await admin.query(sql);
    await admin.execute(
      `INSERT INTO ${table} (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
       VALUES (?, ?, '', 'SQL', ?, ?, 'flyway-account', 1, 1)`,
      [index + 1, String(index + 1), file, flywayChecksum(Buffer.from(text))],
    );
  }
}

test("a database of Flyway's is not run on before it is taken over; then what is pending is run", async () => {
  await asFlywayLeavesIt();
  const folder = await folderOf(files);
  for (const verb of ['run', 'plan']) {
    const { code, stderr } = await migrate(verb, folder);
    assert.equal(code, 2);
    assert.match(stderr, /app\.flyway_schema_history says that flyway has migrated .*migrate take-over/);
  }
  const taken = await migrate('take-over', folder);
  assert.deepEqual(
    [taken.code, taken.stdout],
    [
      0,
      '2 migrations count as applied (taken over from flyway (flyway_schema_history))\n  V1__t.sql\n  V2__n.sql\n',
    ],
    taken.stderr,
  );
  assert.deepEqual(
    await rows(
      'SELECT DISTINCT state, applied_by, repair, repaired_by REGEXP "^somebody on .*@.*\\\\)$" FROM holdfast_migration',
    ),
    [['applied', 'flyway-account', 'taken over from flyway (flyway_schema_history)', 1]],
  );
  const ran = await migrate('run', folder);
  assert.deepEqual([ran.code, ran.stdout], [0, '1 migrations applied, 2 had been before\n'], ran.stderr);
  assert.doesNotMatch(ran.stderr, /not what the files lead to/);
  assert.deepEqual(await rows('SELECT id FROM t ORDER BY id'), [[1], [2]]);
  assert.equal((await migrate('verify', folder)).stdout, 'the schema is what 5 statements lead to\n');
  const again = await migrate('take-over', folder);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /Holdfast migrates this database already/);
});

test('what the history does not prove is told, and nothing is written', async () => {
  await asFlywayLeavesIt('our_history');
  const changed = await folderOf({ ...files, 'V2__n.sql': 'ALTER TABLE t ADD n BIGINT;' });
  const { code, stderr } = await migrate('take-over', changed, '--table', 'our_history');
  assert.equal(code, 2);
  assert.match(stderr, /V2__n\.sql is not as Flyway has applied it/);
  assert.deepEqual(await rows("SHOW TABLES LIKE 'holdfast%'"), []);
  assert.match(
    (await migrate('take-over', await folderOf(files))).stderr,
    /has no flyway_schema_history or schema_migrations: .*migrate baseline/,
  );
});

test('an empty history of another tool does not stand in the way', async () => {
  await admin.query(
    'CREATE TABLE schema_migrations (version BIGINT NOT NULL PRIMARY KEY, dirty BOOL NOT NULL)',
  );
  assert.equal(
    (await migrate('run', await folderOf({ '0001_a.up.sql': 'CREATE TABLE a (id INT);' }))).code,
    0,
  );
});

test('a baseline needs a reason, and what lies above it is run', async () => {
  for (const sql of Object.values(old).join('').split(';\n').slice(0, -1)) await admin.query(sql);
  const folder = await folderOf(files);
  const without = await migrate('baseline', '2', folder);
  assert.equal(without.code, 2);
  assert.match(without.stderr, /a baseline needs a reason/);
  assert.match(
    (await migrate('baseline', '7', folder, '--reason', 'x')).stderr,
    /there is no file of version 7/,
  );
  const based = await migrate('baseline', '2', folder, '--reason', 'made by hand', '--json');
  assert.equal(based.code, 0, based.stderr);
  assert.deepEqual((JSON.parse(based.stdout) as { files: string[] }).files, ['V1__t.sql', 'V2__n.sql']);
  assert.deepEqual(await rows('SELECT DISTINCT repair FROM holdfast_migration'), [
    ['baseline 2: made by hand'],
  ]);
  assert.equal((await migrate('run', folder)).stdout, '1 migrations applied, 2 had been before\n');
});

test('of take-overs at once one writes', async () => {
  await asFlywayLeavesIt();
  const folder = await folderOf(files);
  const ended = await Promise.all([1, 2, 3].map(() => migrate('take-over', folder)));
  assert.deepEqual(ended.filter(({ code }) => code === 0).length, 1);
  assert.deepEqual(await rows('SELECT COUNT(*) FROM holdfast_migration'), [[3]]);
});

test('what is to be known of a folder is told by plan, run and status', async () => {
  const folder = await folderOf({
    '0001_a.up.sql': 'CREATE TABLE a (id INT);',
    '0001_a.down.sql': 'DROP TABLE a;',
  });
  for (const verb of ['plan', 'run', 'status'])
    assert.match((await migrate(verb, folder)).stderr, /migrations are not undone: files left alone/);
});
