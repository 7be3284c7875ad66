/** A server as Holdfast configures it: who may do what, and what survives what. */

import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { OperationError } from '../../src/app/failure.ts';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { initialiseDataFolder } from '../../src/database/data-folder.ts';
import { databaseAnswers, probeDatabase } from '../../src/database/probe.ts';
import { freePort, startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';

const searchPath = process.env['PATH'] ?? '';
const never = new AbortController().signal;
const login = { user: 'holdfast-service-login', password: 'it\'s `"\\\n%_é 🔑' };
const accounts = { ...testAccounts, database: 'a_b', services: [login] };

let server: TestServer;
before(async () => {
  server = await startMariadb(accounts);
});
after(() => server.close());

async function using<T>(url: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await createConnection(connectionOptions(url));
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}

async function refused(url: string, sql: string): Promise<void> {
  await using(url, (connection) => assert.rejects(connection.query(sql), /denied|not allowed/i, sql));
}

test('a service reads and writes rows, and may not touch the schema or the server', async () => {
  await using(server.url(), (admin) => admin.query('CREATE TABLE t (id INT PRIMARY KEY)'));
  const url = server.urlOf(login);
  await using(url, async (connection) => {
    await connection.query('INSERT INTO t VALUES (1)');
    await connection.query('UPDATE t SET id = 2');
    await connection.query('CREATE TEMPORARY TABLE mine SELECT * FROM t');
    await connection.query('DELETE FROM t');
  });
  for (const sql of [
    'DROP TABLE t',
    'CREATE TABLE u (id INT)',
    'ALTER TABLE t ADD x INT',
    'TRUNCATE t',
    'SELECT * FROM mysql.global_priv',
    'SET GLOBAL read_only = 1',
    'CREATE USER x',
    "SELECT 'x' INTO OUTFILE '/tmp/x'",
  ]) {
    await refused(url, sql);
  }
});

test('no account reaches a database whose name only looks alike', async () => {
  await using(server.url(), (admin) =>
    admin.query('CREATE DATABASE IF NOT EXISTS `axb`').then(() => admin.query('CREATE TABLE axb.t (id INT)')),
  );
  await refused(server.urlOf(login), 'SELECT * FROM axb.t');
  await refused(server.urlOf(accounts.migrator), 'SELECT * FROM axb.t');
});

test('the migrator changes the schema, and may not pass its rights on', async () => {
  const url = server.urlOf(accounts.migrator);
  await using(url, async (connection) => {
    await connection.query('CREATE TABLE m (id INT)');
    await connection.query('CREATE TRIGGER m_i BEFORE INSERT ON m FOR EACH ROW SET NEW.id = 1');
    await connection.query('CREATE VIEW v AS SELECT * FROM m');
    await connection.query('CREATE PROCEDURE p() SELECT 1');
    await connection.query('CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM m');
    await connection.query('DROP TABLE m');
  });
  await refused(url, `GRANT SELECT ON a_b.* TO '${login.user}'@'localhost'`);
  await refused(url, 'CREATE DATABASE other');
});

test('nobody logs in without a password', async () => {
  const [rows] = await using(server.url(), (admin) =>
    admin.query<RowDataPacket[]>('SELECT DISTINCT User AS user FROM mysql.global_priv ORDER BY User'),
  );
  assert.deepEqual(
    rows.map((row) => String(row['user'])),
    ['holdfast', 'holdfast-migrator', 'holdfast-service-login', 'mariadb.sys'],
  );
  const answer = await probeDatabase(server.urlOf({ user: 'root', password: '' }), 5_000, never);
  assert.ok(!answer.answers && answer.refused);
});

test('a new start changes a password, adds and removes services, and leaves other accounts alone', async () => {
  await using(server.url(), (admin) => admin.query("CREATE USER mine@localhost IDENTIFIED BY 'x'"));
  const rotated = { user: login.user, password: 'new' };
  const shop = { user: 'holdfast-service-shop', password: 'shop' };
  const answers = (account: { user: string; password: string }): Promise<boolean> =>
    databaseAnswers(server.urlOf(account), 5_000, never);
  await server.stop();
  await server.start({ ...accounts, services: [rotated, shop] });
  assert.deepEqual([await answers(login), await answers(rotated), await answers(shop)], [false, true, true]);
  await server.stop();
  await server.start(accounts);
  assert.deepEqual([await answers(login), await answers(rotated), await answers(shop)], [true, false, false]);
  const [rows] = await using(server.url(), (admin) =>
    admin.query<RowDataPacket[]>("SELECT User FROM mysql.global_priv WHERE User = 'mine'"),
  );
  assert.equal(rows.length, 1);
});

test('committed rows survive a SIGKILL, others are gone', async () => {
  await using(server.url(), (admin) => admin.query('CREATE TABLE kept (id INT PRIMARY KEY)'));
  const connection = await createConnection(connectionOptions(server.urlOf(login)));
  connection.on('error', () => {
    // The server is killed below.
  });
  for (let id = 0; id < 100; id += 1) await connection.query('INSERT INTO kept VALUES (?)', [id]);
  await connection.query('START TRANSACTION');
  await connection.query('INSERT INTO kept VALUES (1000)');
  await server.kill();
  connection.destroy();
  await server.start();
  const [rows] = await using(server.url(), (admin) =>
    admin.query<RowDataPacket[]>('SELECT COUNT(*) AS n, MAX(id) AS top FROM kept'),
  );
  assert.deepEqual({ ...rows[0] }, { n: 100, top: 99 });
});

test('a probe ends in time when nobody answers, and when it is stopped', async () => {
  const closed = `mysql://u:p@127.0.0.1:${await freePort()}/x`;
  const answer = await probeDatabase(closed, 5_000, never);
  assert.ok(!answer.answers && !answer.refused && /ECONNREFUSED/.test(answer.reason));
  assert.equal(await databaseAnswers(server.url(), 5_000, AbortSignal.abort()), false);
});

test('a data folder is whole or not there, and what a killed maker left is removed', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'holdfast data-'));
  try {
    const folder = join(parent, 'the data');
    await cp(import.meta.dirname, `${folder}.unfinished-abc`, { recursive: true });
    const stop = new AbortController();
    const stopped = initialiseDataFolder({ folder, searchPath, signal: stop.signal });
    stop.abort();
    await assert.rejects(stopped, { name: 'AbortError' });
    assert.equal(await initialiseDataFolder({ folder, searchPath, signal: never }), true);
    assert.equal(await initialiseDataFolder({ folder, searchPath, signal: never }), false);
    assert.deepEqual(await readdir(parent), ['the data']);
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
});

test('an installer that fails is reported with its words, and leaves nothing', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'holdfast-data-'));
  try {
    const script = '#!/bin/sh\necho "FATAL ERROR: the disk is full" >&2\nexit 1\n';
    await writeFile(join(parent, 'mariadb-install-db'), script, { mode: 0o755 });
    await assert.rejects(
      initialiseDataFolder({ folder: join(parent, 'data'), searchPath: parent, signal: never }),
      (error) =>
        error instanceof OperationError &&
        error.cause instanceof Error &&
        /disk is full/.test(error.cause.message),
    );
    assert.deepEqual(await readdir(parent), ['mariadb-install-db']);
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
});
