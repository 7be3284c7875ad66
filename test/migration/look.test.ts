/** `migrate plan`, `verify` and `repair` on a bare folder, as processes with a URL and nothing else. */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { startVerb } from '../database/verb.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
let folder: string;
let admin: Connection;
before(async () => {
  server = await startMariadb();
  folder = await mkdtemp(join(tmpdir(), 'holdfast-look-'));
  await writeFile(
    join(folder, 'V1__t.sql'),
    'CREATE TABLE t (id INT PRIMARY KEY);\nINSERT INTO t VALUES (1);',
  );
  await writeFile(join(folder, 'V2__u.sql'), 'ALTER TABLE t ADD name TEXT;\nTRUNCATE TABLE t;');
  admin = await createConnection(connectionOptions(server.url()));
});
after(async () => {
  admin.destroy();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function migrate(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  await using verb = startVerb(['migrate', ...args], { DATABASE_URL: server.urlOf(testAccounts.migrator) });
  return await verb.ended;
}

test('a bare folder is planned, applied and verified, and a drift is shown', async () => {
  const planned = await migrate('plan', folder);
  assert.equal(planned.code, 0, planned.stderr);
  assert.match(planned.stdout, /V1__t\.sql:1: CREATE TABLE t .*\n {4}table t: is made\n/);
  assert.match(planned.stdout, /V2__u\.sql:1: ALTER .*\n {4}table t: is changed\n(.*\n)* {6}\+ +`name` text/);
  assert.deepEqual((await migrate('run', folder)).code, 0);
  assert.match((await migrate('plan', folder)).stdout, /nothing is pending/);
  const verified = await migrate('verify', folder);
  assert.deepEqual([verified.code, verified.stdout], [0, 'the schema is what 4 statements lead to\n']);
  await admin.query('ALTER TABLE t MODIFY name VARCHAR(20)');
  const drifted = await migrate('verify', folder);
  assert.equal(drifted.code, 1);
  assert.match(drifted.stdout, /table t: differs\n(.*\n)*.*- +`name` text.*\n.*\+ +`name` varchar\(20\)/);
  const told = JSON.parse((await migrate('verify', folder, '--json')).stdout) as {
    drift: { object: string }[];
  };
  assert.deepEqual(
    told.drift.map(({ object }) => object),
    ['table t'],
  );
});

test('a changed file shows what was applied and what it says now', async () => {
  const changed = await mkdtemp(join(folder, 'changed-'));
  await writeFile(
    join(changed, 'V1__t.sql'),
    'CREATE TABLE t (id BIGINT PRIMARY KEY);\nINSERT INTO t VALUES (1);',
  );
  const { code, stderr } = await migrate('run', changed);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /- CREATE TABLE t \(id INT PRIMARY KEY\)\n\s+\+ CREATE TABLE t \(id BIGINT PRIMARY KEY\)/,
  );
});

test('an interrupted statement that leaves no trace is repaired by an explicit choice, which is recorded', async () => {
  await admin.query("UPDATE holdfast_migration SET state = 'running' WHERE version = '2' AND statement = 2");
  assert.match((await migrate('run', folder)).stderr, /migrate repair --applied V2:2/);
  assert.equal((await migrate('repair', '--applied', 'V2:2')).code, 2);
  assert.equal((await migrate('repair', '--applied', 'V2:9', '--reason', 'x')).code, 2);
  const repaired = await migrate('repair', '--applied', 'V2:2', '--reason', 'the table is empty');
  assert.equal(repaired.code, 0, repaired.stderr);
  assert.equal((await migrate('run', folder)).code, 0);
  const [rows] = await admin.query<RowDataPacket[]>(
    'SELECT state, repair, repaired_by, repaired_at IS NOT NULL AS at FROM holdfast_migration WHERE repair IS NOT NULL',
  );
  assert.equal(rows.length, 1);
  assert.deepEqual(
    [rows[0]?.['state'], rows[0]?.['repair'], rows[0]?.['at']],
    ['applied', 'applied: the table is empty', 1],
  );
  assert.match(String(rows[0]?.['repaired_by']), /process \d+ \(holdfast-migrator@/);
  assert.equal((await migrate('repair', '--not-applied', 'V2:2', '--reason', 'x')).code, 2);
});
