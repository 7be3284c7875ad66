/**
 * Databases as Flyway, golang-migrate and dbmate leave them: their tables are made by each tool's own
 * statements (flyway-database-mysql, golang-migrate's database/mysql, dbmate's pkg/driver/mysql).
 */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createConnection, type Connection } from 'mysql2/promise';
import { UserError } from '../../src/app/failure.ts';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { flywayChecksum } from '../../src/migration/take-over/flyway-checksum.ts';
import {
  readFlywayChecksums,
  readForeignHistory,
} from '../../src/migration/take-over/read-foreign-history.ts';
import { takeOver } from '../../src/migration/take-over/take-over.ts';
import { readMigrations } from '../../src/migration/source.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
before(async () => {
  server = await startMariadb();
});
after(() => server.close());

/** An empty database, and a connection to it for the test. */
async function withEmptyDatabase(work: (admin: Connection) => Promise<void>): Promise<void> {
  const admin = await createConnection(connectionOptions(server.url()));
  try {
    await admin.query('CREATE OR REPLACE DATABASE app');
    await admin.query('USE app');
    await work(admin);
  } finally {
    await admin.end();
  }
}

const flywayTable = `CREATE TABLE flyway_schema_history (
  installed_rank INT NOT NULL, version VARCHAR(50), description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL,
  script VARCHAR(1000) NOT NULL, checksum INT, installed_by VARCHAR(100) NOT NULL,
  installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, execution_time INT NOT NULL, success BOOL NOT NULL,
  CONSTRAINT flyway_schema_history_pk PRIMARY KEY (installed_rank)) ENGINE=InnoDB`;
const golangTable =
  'CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null)';
const dbmateTable = 'CREATE TABLE IF NOT EXISTS schema_migrations (version varchar(128) primary key)';

/** The versions that count as applied, for the files of a folder. */
async function taken(admin: Connection, files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  try {
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
    const set = await readMigrations(folder);
    const history = await readForeignHistory(admin, { database: 'app' });
    assert.ok(history);
    const result = takeOver(history, { set, journaled: [], checksums: await readFlywayChecksums(set) });
    return result.kind === 'taken' ? result.files.map(({ file }) => file.version) : result.problems;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("a database of Flyway's is taken over by checksums", () =>
  withEmptyDatabase(async (admin) => {
    const files = {
      'V1__a.sql': 'CREATE TABLE a (x INT);\r\n',
      'V2__b.sql': "INSERT INTO a VALUES ('ü');\n",
    };
    const row =
      "INSERT INTO flyway_schema_history VALUES (?, ?, ?, 'SQL', ?, ?, 'root', '2026-01-02 03:04:05', 1, 1)";
    await admin.query(flywayTable);
    await admin.query("SET time_zone = '+00:00'");
    for (const [index, [file, text]] of Object.entries(files).entries()) {
      const checksum = flywayChecksum(Buffer.from(text));
      await admin.execute(row, [index + 1, String(index + 1), file, file, checksum]);
    }
    assert.deepEqual(await taken(admin, files), ['1', '2']);
    const history = await readForeignHistory(admin, { database: 'app' });
    assert.ok(history?.tool === 'flyway');
    assert.deepEqual(history.rows[0]?.installedAt, new Date('2026-01-02T03:04:05Z'));
    const [problem] = await taken(admin, { ...files, 'V2__b.sql': 'DELETE FROM a;' });
    assert.match(problem ?? '', /V2__b\.sql is not as Flyway has applied it/);
  }));

test("a database of golang-migrate's is taken over by its version", () =>
  withEmptyDatabase(async (admin) => {
    const files = { '0001_a.up.sql': 'SELECT 1;', '20240131120000_b.up.sql': 'SELECT 2;' };
    await admin.query(golangTable);
    assert.deepEqual(await taken(admin, files), []);
    await admin.query('INSERT INTO schema_migrations VALUES (20240131120000, 0)');
    assert.deepEqual(await taken(admin, files), ['1', '20240131120000']);
    await admin.query('UPDATE schema_migrations SET dirty = 1');
    assert.match((await taken(admin, files)).join(), /is dirty/);
  }));

test("a database of dbmate's is taken over by its rows", () =>
  withEmptyDatabase(async (admin) => {
    const up = '-- migrate:up\nSELECT 1;\n-- migrate:down\n';
    await admin.query(dbmateTable);
    await admin.query("INSERT INTO schema_migrations VALUES ('20240101'), ('20240102')");
    const files = { '20240101_a.sql': up, '20240102_b.sql': up, '20240103_c.sql': up };
    assert.deepEqual(await taken(admin, files), ['20240101', '20240102']);
  }));

test('a table that is no tool’s, or two of them, are told; without one there is no history', () =>
  withEmptyDatabase(async (admin) => {
    const found = readForeignHistory(admin, { database: 'app' });
    assert.equal(await found, undefined);
    await admin.query('CREATE TABLE schema_migrations (version INT, applied_at DATETIME)');
    await assert.rejects(readForeignHistory(admin, { database: 'app' }), UserError);
    await admin.query(flywayTable);
    await assert.rejects(readForeignHistory(admin, { database: 'app' }), /name the one that is in use/);
    const named = await readForeignHistory(admin, { database: 'app', table: 'flyway_schema_history' });
    assert.equal(named?.tool, 'flyway');
  }));
