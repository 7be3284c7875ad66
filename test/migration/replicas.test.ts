/** A backfill on a primary with a replica that has come to a halt: it waits for it where it has been told of it. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { replicaUrls } from '../../src/cli/migrate-database.ts';
import type { MigrationProgress } from '../../src/migration/progress.ts';
import { freePort, startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';
import { setOf, withDatabase } from './support.ts';

let primary: TestServer;
let replica: TestServer;
let onReplica: Connection;
before(async () => {
  primary = await startMariadb(testAccounts, ['--server-id=1', '--log-bin', '--sync-binlog=0']);
  replica = await startMariadb(testAccounts, ['--server-id=2']);
  onReplica = await createConnection(connectionOptions(replica.url()));
  const onPrimary = await createConnection(connectionOptions(primary.url()));
  await onPrimary.query("CREATE USER copier@'127.0.0.1' IDENTIFIED BY 'copied'");
  await onPrimary.query("GRANT REPLICATION SLAVE ON *.* TO copier@'127.0.0.1'");
  const [[found]] = await onPrimary.query<RowDataPacket[]>('SELECT @@gtid_binlog_pos AS position');
  await onPrimary.end();
  await onReplica.query('SET GLOBAL gtid_slave_pos = ?', [found?.['position']]);
  await onReplica.query(
    `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${primary.port}, MASTER_USER = 'copier',
       MASTER_PASSWORD = 'copied', MASTER_USE_GTID = slave_pos`,
  );
  await onReplica.query('START SLAVE IO_THREAD');
});
after(async () => {
  onReplica.destroy();
  await replica.close();
  await primary.close();
});

const files = {
  'V1__t.sql': `CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0);
INSERT INTO t (id) SELECT seq FROM seq_1_to_300;`,
  'V2__fill.sql': `-- holdfast: backfill t by id, 100 rows
UPDATE t SET n = n + 1 WHERE id BETWEEN @chunk_first AND @chunk_last;`,
};
const changed = 'SELECT COUNT(*) FROM t WHERE n = 1';

test('a backfill that has not been told of a replica leaves it behind', () =>
  withDatabase(primary, async ({ run, rows }) => {
    const waits: MigrationProgress[] = [];
    await run(setOf(files), { progress: (event) => event.kind === 'throttled' && waits.push(event) });
    assert.deepEqual(waits, []);
    assert.deepEqual(await rows(changed), [[300]]);
  }));

test('a replica that does not answer is waited for, and whoever stops the run ends that', () =>
  withDatabase(primary, async ({ run, rows }) => {
    const port = await freePort();
    const stop = new AbortController();
    const waits: string[] = [];
    const progress = (event: MigrationProgress): void => {
      if (event.kind !== 'throttled') return;
      waits.push(event.reason);
      stop.abort(new Error('enough'));
    };
    const replicas = [`mysql://somebody:secret@127.0.0.1:${port}/`];
    await assert.rejects(run(setOf(files), { replicas, progress, signal: stop.signal }), {
      message: 'enough',
    });
    assert.match(waits.join(), new RegExp(`^the replica 127.0.0.1:${port} can't be asked: .*ECONNREFUSED`));
    assert.deepEqual(await rows(changed), [[0]]);
  }));

test('one that has been told of it goes on only when the replica has come after', () =>
  withDatabase(primary, async ({ run, rows }) => {
    const reasons: string[] = [];
    let changedBefore: Promise<unknown[][]> | undefined;
    const progress = (event: MigrationProgress): void => {
      if (event.kind !== 'throttled') return;
      reasons.push(event.reason);
      changedBefore ??= lookAndCatchUp();
    };
    const lookAndCatchUp = async (): Promise<unknown[][]> => {
      const found = await rows(changed);
      await onReplica.query('START SLAVE SQL_THREAD');
      return found;
    };
    await run(setOf(files), { replicas: [replica.urlOf(testAccounts.migrator)], progress });
    assert.equal(reasons[0], `the replica 127.0.0.1:${replica.port} is behind`);
    assert.deepEqual(await changedBefore, [[0]]);
    assert.deepEqual(await rows(changed), [[300]]);
  }));

test('replicas are named by a variable, and a URL that is none is refused without its password', () => {
  assert.deepEqual(replicaUrls({ env: {} }), []);
  const [one, other] = ['mysql://a:b@one:3306/', 'mysql://a:b@other/'];
  assert.deepEqual(replicaUrls({ env: { REPLICA_URLS: ` ${one}\n${other} ` } }), [one, other]);
  assert.throws(
    () => replicaUrls({ env: { REPLICA_URLS: 'postgres://a:hidden@one/' } }),
    (error: Error) => {
      assert.doesNotMatch(error.message, /hidden/);
      return true;
    },
  );
});
