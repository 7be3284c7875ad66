/** The writes of the journal that go to the server together: how many round trips they are, and that one which is lost ends them. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { begin, commit, writeAtOnce } from '../../src/migration/combined-writes.ts';
import { Journal } from '../../src/migration/journal.ts';
import { LeaseLost, prepareLease, takeLease, type HeldLease } from '../../src/migration/lease.ts';
import type { RowKey } from '../../src/migration/journal-row.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';
import { setOf } from './support.ts';

let server: TestServer;
let connection: Connection;
before(async () => {
  server = await startMariadb();
  connection = await createConnection(connectionOptions(server.urlOf(testAccounts.migrator)));
});
after(async () => {
  connection.destroy();
  await server.close();
});
beforeEach(async () => {
  await connection.query("SET SESSION sql_mode = ''");
  await connection.query('CREATE OR REPLACE TABLE app.t (id INT PRIMARY KEY, text TEXT) ENGINE = InnoDB');
});

async function rows(sql: string): Promise<unknown[][]> {
  const [found] = await connection.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
  return found;
}

/** How often `work` asks the server over the connection, by the server's count. */
async function questions(work: () => Promise<void>): Promise<number> {
  const count = async (): Promise<number> =>
    Number((await rows("SHOW SESSION STATUS LIKE 'Questions'"))[0]?.[1]);
  const before = await count();
  await work();
  return (await count()) - before - 1;
}

function insert(id: number, text: string): { sql: string; values: (string | number)[] } {
  return { sql: 'INSERT INTO `app`.`t` VALUES (?, ?)', values: [id, text] };
}

test('a write that changes no row where it has to ends those behind it, and the transaction', async () => {
  const lost = { sql: 'DELETE FROM `app`.`t` WHERE id = ?', values: [7], otherwise: () => new Error('lost') };
  await assert.rejects(writeAtOnce(connection, [begin, insert(1, 'a'), lost, insert(2, 'b'), commit]), {
    message: 'lost',
  });
  assert.deepEqual(await rows('SELECT @@in_transaction'), [[0]]);
  assert.deepEqual(await rows('SELECT * FROM app.t'), []);
});

test('a write that fails ends those behind it, and the transaction stays open', async () => {
  const writes = [begin, insert(1, 'a'), insert(1, 'b'), commit];
  await assert.rejects(writeAtOnce(connection, writes), { errno: 1062 });
  assert.deepEqual(await rows('SELECT @@in_transaction'), [[1]]);
  await connection.query('ROLLBACK');
  assert.deepEqual(await rows('SELECT * FROM app.t'), []);
});

test('what is written does not depend on what a migration sets', async () => {
  const text = `it's "a" \\ \`b\` ; -- 日本 :c ? /* d */`;
  const modes = ['', 'ORACLE', 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,IGNORE_SPACE', 'TRADITIONAL'];
  for (const [id, mode] of modes.entries()) {
    await connection.query('SET SESSION sql_mode = ?', [mode]);
    // A comment of its own: it is prepared anew, under this mode.
    const write = { ...insert(id, text), sql: `/* ${id} */ ${insert(id, text).sql}` };
    await writeAtOnce(connection, [begin, write, commit]);
    await writeAtOnce(connection, [begin, insert(id + modes.length, text), commit]);
  }
  await connection.query("SET SESSION sql_mode = ''");
  assert.deepEqual(
    await rows('SELECT id, text FROM app.t ORDER BY id'),
    Array.from({ length: 2 * modes.length }, (_, id) => [id, text]),
  );
});

interface Stage {
  readonly journal: Journal;
  readonly lease: HeldLease;
  readonly data: RowKey;
  readonly change: RowKey;
}

async function stage(): Promise<Stage> {
  const set = setOf({
    'V1__x.sql': "INSERT INTO t VALUES (1, 'a'); ALTER TABLE t ADD c INT; ALTER TABLE t ADD d INT;",
  });
  const [file] = set.files;
  const [data, change] = file?.statements ?? [];
  assert.ok(file && data && change);
  await connection.query('DROP TABLE IF EXISTS app.holdfast_migration, app.holdfast_migration_lease');
  const journal = new Journal(connection, 'app');
  await journal.prepare();
  await prepareLease(connection, 'app');
  const signal = new AbortController().signal;
  const lease = await takeLease(connection, {
    database: 'app',
    waitMs: 1_000,
    signal,
    waiting: () => undefined,
  });
  return { journal, lease, data: { file, statement: data }, change: { file, statement: change } };
}

test('the journal costs a schema change one round trip, and a change of data three', async () => {
  const { journal, lease, data, change } = await stage();
  const known = { before: 'a', after: 'b', isSingle: true };
  const ofChange = await questions(() => journal.openChange(change, known, lease));
  await connection.query(change.statement.sql);
  journal.tellLater(change);
  const ofData = await questions(async () => {
    await journal.starting(data, { before: 'b', after: 'b', isSingle: false }, lease);
    await journal.beginning(data, lease);
    await journal.finish(data, lease);
  });
  assert.deepEqual([ofChange, ofData], [1, 3]);
  assert.deepEqual(await rows('SELECT statement, state FROM app.holdfast_migration ORDER BY 1'), [
    [1, 'applied'],
    [2, 'applied'],
  ]);
});

test('whoever has lost the lease leaves nothing of a statement that changes data', async () => {
  const { journal, lease, data } = await stage();
  await journal.starting(data, { before: 'a', after: 'a', isSingle: false }, lease);
  await journal.beginning(data, lease);
  await connection.query(data.statement.sql);
  // Inside the transaction: another connection would wait for it.
  await connection.query('UPDATE app.holdfast_migration SET epoch = epoch + 1');
  await assert.rejects(journal.finish(data, lease), LeaseLost);
  assert.deepEqual(await rows('SELECT @@in_transaction'), [[0]]);
  assert.deepEqual(await rows('SELECT * FROM app.t'), []);
  assert.deepEqual(await rows('SELECT state, began FROM app.holdfast_migration'), [['running', 0]]);
});

/** The rows of statements, as another connection sees them. */
async function committedRows(): Promise<unknown> {
  const other = await createConnection(connectionOptions(server.url()));
  const sql = 'SELECT statement, state, began FROM app.holdfast_migration ORDER BY 1';
  const [found] = await other.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
  await other.end();
  return found;
}

const insertion = 'INSERT INTO app.t (id) VALUES (1)';
const dataOnly = { before: 'b', after: 'b', isSingle: false };

test('a change of data with its row costs two round trips, and is committed with the news of the change before it', async () => {
  const { journal, lease, data, change } = await stage();
  await journal.openChange(change, { before: 'a', after: 'b', isSingle: true }, lease);
  await connection.query(change.statement.sql);
  journal.tellLater(change);
  const opening = await questions(() => journal.openData(data, dataOnly, lease));
  await connection.query(insertion);
  assert.deepEqual(await committedRows(), [[2, 'running', 1]]);
  const ending = await questions(() => journal.finish(data, lease));
  assert.deepEqual([opening, ending], [1, 1]);
  assert.deepEqual(await committedRows(), [
    [1, 'applied', 1],
    [2, 'applied', 1],
  ]);
});

test('whoever has lost the lease leaves nothing of a change of data with its row', async () => {
  const { journal, lease, data } = await stage();
  await journal.openData(data, dataOnly, lease);
  await connection.query(insertion);
  const other = await createConnection(connectionOptions(server.url()));
  // The lease is not held by the transaction: another takes it without waiting.
  await other.query('UPDATE app.holdfast_migration_lease SET epoch = epoch + 1');
  await other.end();
  await assert.rejects(journal.finish(data, lease), LeaseLost);
  assert.deepEqual(await rows('SELECT @@in_transaction'), [[0]]);
  assert.deepEqual(await rows('SELECT * FROM app.t'), []);
  assert.deepEqual(await committedRows(), []);
});

test('the control: a change of data whose end does not ask for the lease is committed by whoever has lost it', async () => {
  const { journal, lease, data } = await stage();
  await journal.openData(data, dataOnly, lease);
  await connection.query(insertion);
  const other = await createConnection(connectionOptions(server.url()));
  await other.query('UPDATE app.holdfast_migration_lease SET epoch = epoch + 1');
  await other.end();
  await writeAtOnce(connection, [commit]);
  assert.deepEqual(await committedRows(), [[1, 'running', 1]]);
  assert.notDeepEqual(await rows('SELECT * FROM app.t'), []);
});

test('a failed change of data with its row leaves a row that says so, and the news of the change before it', async () => {
  const { journal, lease, data, change } = await stage();
  await journal.openChange(change, { before: 'a', after: 'b', isSingle: true }, lease);
  await connection.query(change.statement.sql);
  journal.tellLater(change);
  await journal.openData(data, dataOnly, lease);
  await connection.query('ROLLBACK');
  await journal.failed(data, { expected: dataOnly, message: 'no' }, lease);
  assert.deepEqual(await committedRows(), [
    [1, 'failed', 0],
    [2, 'applied', 1],
  ]);
});

test('whoever has lost the lease begins no schema change', async () => {
  const { journal, lease, change } = await stage();
  await connection.query('UPDATE app.holdfast_migration_lease SET epoch = epoch + 1');
  await assert.rejects(journal.openChange(change, { before: 'a', isSingle: true }, lease), LeaseLost);
  assert.deepEqual(await rows('SELECT @@in_transaction'), [[0]]);
  assert.deepEqual(await rows('SELECT * FROM app.holdfast_migration'), []);
});
