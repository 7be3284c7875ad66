/** Servers that refuse: a right that the migrator lacks, a server that takes no writes, no shadow of the same series. */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OperationError } from '../../src/app/failure.ts';
import { MigrationFailure } from '../../src/migration/migration-failure.ts';
import { migrationStatus } from '../../src/migration/migration-status.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { setOf, withDatabase } from './support.ts';

let server: TestServer;
before(async () => {
  server = await startMariadb();
});
after(() => server.close());

const set = setOf({
  'V1__t.sql': 'CREATE TABLE t (id INT PRIMARY KEY);\nINSERT INTO t VALUES (1);',
  'V2__n.sql': 'ALTER TABLE t ADD n INT NOT NULL DEFAULT 5;\nINSERT INTO t VALUES (2, 2);',
});
const whole = [
  [1, 5],
  [2, 2],
];

test('a right that the migrator lacks is told with the statement that needs it, and it goes on when it has it', () =>
  withDatabase(server, async ({ admin, run, rows }) => {
    const account = { user: 'little', password: 'little-password' };
    await admin.query(`CREATE OR REPLACE USER little IDENTIFIED BY '${account.password}'`);
    await admin.query('GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON app.* TO little');
    const url = server.urlOf(account);
    await assert.rejects(run(set, { url }), (error) => {
      assert.ok(error instanceof MigrationFailure, String(error));
      assert.match(error.message, /^V2__n\.sql:1: ALTER command denied to user 'little'@/);
      return !error.mayPass;
    });
    const { state, applied } = await migrationStatus({ url, set });
    assert.deepEqual([state, applied], ['failed', 1]);
    await admin.query('GRANT ALTER ON app.* TO little');
    await run(set, { url });
    assert.deepEqual(await rows('SELECT * FROM t ORDER BY id'), whole);
  }));

test('a server that takes no writes is told, nothing is changed, and it goes on when it takes them again', () =>
  withDatabase(server, async ({ admin, url, run, rows }) => {
    const first = setOf({ 'V1__t.sql': 'CREATE TABLE t (id INT PRIMARY KEY);\nINSERT INTO t VALUES (1);' });
    for (const known of [undefined, first]) {
      if (known) await run(known);
      const before = await rows('SHOW TABLES');
      await admin.query('SET GLOBAL read_only = ON');
      try {
        await assert.rejects(run(set), (error) => {
          assert.ok(error instanceof OperationError, String(error));
          return /the migrations of app were stopped: .*read-only/.test(error.message);
        });
        assert.equal((await migrationStatus({ url, set })).applied, known ? 1 : 0);
      } finally {
        await admin.query('SET GLOBAL read_only = OFF');
      }
      assert.deepEqual(await rows('SHOW TABLES'), before);
    }
    await run(set);
    assert.deepEqual(await rows('SELECT * FROM t ORDER BY id'), whole);
  }));

test('beside a mariadbd of another series there is no shadow; that and what is lost is told', () =>
  withDatabase(server, async ({ run, rows }) => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-other-series-'));
    try {
      const program = '#!/bin/sh\necho "mariadbd  Ver 5.5.68-MariaDB for Linux"\n';
      await writeFile(join(folder, 'mariadbd'), program, { mode: 0o755 });
      const notes: string[] = [];
      await run(set, {
        shadow: { temporary: folder, searchPath: `${folder}:${process.env['PATH'] ?? ''}` },
        progress: (event) => {
          if (event.kind === 'note') notes.push(event.text);
        },
      });
      assert.equal(notes.length, 1);
      assert.match(
        notes[0] ?? '',
        /^without a shadow \(.*5\.5\.68.*\): an interrupted statement will be judged by its words$/,
      );
      assert.deepEqual(await rows('SELECT * FROM t ORDER BY id'), whole);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }));
