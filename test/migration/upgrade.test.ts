/** Databases whose journal the first release has made: it is completed, and what it says holds. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import type { MigrationSet } from '../../src/migration/migration-set.ts';
import { migrationStatus } from '../../src/migration/migration-status.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { setOf, withDatabase } from './support.ts';

let server: TestServer;
before(async () => {
  server = await startMariadb();
});
after(() => server.close());

/** As the first release made it. */
const firstJournal = `CREATE TABLE holdfast_migration (
    version VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    statement INT UNSIGNED NOT NULL,
    name VARCHAR(200) NOT NULL,
    hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    checksum CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    statements INT UNSIGNED NOT NULL,
    state ENUM('running', 'applied', 'failed') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    began BOOLEAN NOT NULL,
    fingerprint_before CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    started_at DATETIME(3) NOT NULL COMMENT 'UTC',
    finished_at DATETIME(3) NULL COMMENT 'UTC',
    duration_ms BIGINT UNSIGNED NULL,
    error TEXT NULL,
    applied_by VARCHAR(400) NOT NULL,
    PRIMARY KEY (version, statement)
  ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COMMENT = 'What Holdfast has migrated; not to be edited'`;

const first = { 'V1__t.sql': 'CREATE TABLE t (id INT PRIMARY KEY);\nINSERT INTO t VALUES (1);' };
const set = setOf({ ...first, 'V2__n.sql': 'ALTER TABLE t ADD n INT;\nINSERT INTO t VALUES (2, 2);' });

interface Left {
  readonly version: string;
  readonly statement: number;
  readonly state: 'running' | 'applied';
  readonly began: boolean;
}

/** Writes a row as the first release did. */
async function leave(admin: Connection, { files }: MigrationSet, left: Left): Promise<void> {
  const file = files.find(({ version }) => version === left.version);
  assert.ok(file);
  await admin.execute(
    `INSERT INTO holdfast_migration VALUES (?, ?, ?, ?, ?, ?, ?, ?, REPEAT('0', 64), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), 1, NULL, USER())`,
    [
      left.version,
      left.statement,
      file.name,
      file.statements[left.statement - 1]?.hash ?? '',
      file.checksum,
      file.statements.length,
      left.state,
      left.began,
    ],
  );
}

/** The first file as the first release applies it. */
async function asItWas(admin: Connection): Promise<void> {
  await admin.query(firstJournal);
  for (const { sql } of setOf(first).files[0]?.statements ?? []) await admin.query(sql);
  for (const statement of [1, 2])
    await leave(admin, set, { version: '1', statement, state: 'applied', began: true });
}

test('what the first release has applied stays applied, is read before the upgrade, and later files are run', () =>
  withDatabase(server, async ({ admin, url, run, rows }) => {
    await asItWas(admin);
    const { state, applied } = await migrationStatus({ url, set });
    assert.deepEqual([state, applied], ['pending', 1]);
    assert.deepEqual((await run(set)).before, 1);
    assert.deepEqual(await rows('SELECT * FROM t'), [
      [1, null],
      [2, 2],
    ]);
    assert.deepEqual(await rows('SELECT DISTINCT version, epoch > 0 FROM holdfast_migration ORDER BY 1'), [
      ['1', 0],
      ['2', 1],
    ]);
    assert.deepEqual((await run(set)).applied, []);
  }));

test('a statement that the first release had written down and not begun is run', () =>
  withDatabase(server, async ({ admin, run, rows }) => {
    await asItWas(admin);
    await leave(admin, set, { version: '2', statement: 1, state: 'running', began: false });
    await run(set);
    assert.deepEqual(await rows('SELECT MAX(n), COUNT(*) FROM t'), [[2, 2]]);
  }));

test('a statement in whose middle the first release was ended is left to a human', () =>
  withDatabase(server, async ({ admin, run }) => {
    await asItWas(admin);
    await leave(admin, set, { version: '2', statement: 1, state: 'running', began: true });
    await assert.rejects(run(set), /V2__n\.sql:1: .* an older release of Holdfast began it/);
    await assert.rejects(run(set), /migrate repair --not-applied V2:1/);
  }));
