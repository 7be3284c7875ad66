/**
 * Migrators on different nodes of a Galera cluster, where GET_LOCK of one node is none on the others: several at once
 * (HOLDFAST_GALERA_ROUNDS says how often), and one that is killed, or its node, or both (HOLDFAST_GALERA_KILLS),
 * HOLDFAST_SEED at which random moments.
 */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import type { MigrationSet } from '../../src/migration/migration-set.ts';
import type { MigrationProgress } from '../../src/migration/progress.ts';
import { recordStatements } from '../../src/migration/record/record-statements.ts';
import { runMigrations } from '../../src/migration/run.ts';
import { readMigrations } from '../../src/migration/source.ts';
import { allOrNone } from './all-or-none.ts';
import { mixedFiles, mixedStatements, requireMixedOnce } from './counting-set.ts';
import { countOf, seeded, tellCount } from './counts.ts';
import { startGalera, type GaleraCluster } from './galera.ts';
import { endRun, folderOf, remove, type Victim } from './kill-rig.ts';

const rounds = countOf('GALERA_ROUNDS', 3);
const kills = countOf('GALERA_KILLS', 4);
const random = seeded();
const leaseLifeMs = 1_500;

let cluster: GaleraCluster;
let folder: string;
let set: MigrationSet;
let admin: Connection;
/** The administrator on the other node. */
let other: Connection;
before(async () => {
  cluster = await startGalera(2);
  folder = await folderOf(mixedFiles);
  set = await readMigrations(folder);
  admin = await createConnection(connectionOptions(cluster.adminUrls[1] ?? ''));
  await admin.query('SET wsrep_sync_wait = 15');
  other = await connectToFirst();
});
after(async () => {
  admin.destroy();
  other.destroy();
  await cluster[Symbol.asyncDispose]();
  await remove([folder]);
});
beforeEach(empty);

async function connectToFirst(): Promise<Connection> {
  const url = (cluster.adminUrls[0] ?? '').replace(/app$/, 'mysql');
  const connection = await createConnection(connectionOptions(url));
  // Its node is killed.
  connection.on('error', () => undefined);
  await connection.query('SET wsrep_sync_wait = 15');
  return connection;
}

async function empty(): Promise<void> {
  await admin.query('DROP DATABASE IF EXISTS app');
  await admin.query('CREATE DATABASE app');
  await admin.query('USE app');
  // Waits until the other node has it: a connection that names a database waits for nothing.
  await other.query('SHOW TABLES FROM app');
}

async function rows(sql: string): Promise<unknown[][]> {
  const [found] = await admin.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
  return found;
}

function run(
  node: number,
  signal: AbortSignal,
  progress: (event: MigrationProgress) => void,
): Promise<unknown> {
  const url = cluster.urls[node] ?? '';
  return runMigrations({ url, set, signal, progress, leaseLifeMs: 60_000 });
}

test(`of two to eight migrators on both nodes one is at work, and the others wait for it (${rounds} rounds)`, async () => {
  // Without the names of those who had just gone.
  const waitedFor: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await empty();
    let statements = 0;
    const progress = (event: MigrationProgress): void => {
      if (event.kind === 'statement') statements += 1;
      if (event.kind === 'waiting' && event.holder === undefined)
        waitedFor.push(...(event.lease ? [event.lease.name] : []));
    };
    const migrators = 2 + Math.floor(random() * 7);
    await allOrNone(migrators, (signal, index) => run(index % 2, signal, progress));
    assert.equal(statements, mixedStatements);
    await requireMixedOnce(rows);
    tellCount('several migrators on Galera', round + 1, rounds);
  }
  assert.ok(rounds === 0 || waitedFor.length > 0);
  assert.ok(waitedFor.every((name) => name.endsWith(`process ${process.pid}`)));
});

for (const { victim, share } of [
  { victim: 'the migrator', share: 0.5 },
  { victim: 'the server', share: 0.25 },
  { victim: 'the migrator and the server', share: 0.25 },
] as const) {
  const times = Math.ceil(kills * share);
  const what = victim.replace('the server', 'its node');
  test(`a migrator on another node goes on where ${what} was killed (${times} times)`, async () => {
    for (let ended = 0; ended < times; tellCount(`${what} on Galera`, ended, times)) {
      await empty();
      ended += Number(await endRunOnFirst(victim));
      const url = cluster.urls[1] ?? '';
      const signal = new AbortController().signal;
      await runMigrations({ url, set, signal, progress: () => undefined, leaseLifeMs });
      await requireMixedOnce(rows);
      if (victim !== 'the migrator') await bringBackFirst();
    }
  });
}

/** Ends the work of a migrator on the first node at a random moment. */
function endRunOnFirst(victim: Victim): Promise<boolean> {
  const site = {
    url: cluster.urls[0] ?? '',
    args: [folder],
    killServer: () => cluster.kill(0),
    startServer: () => Promise.resolve(),
    cut: () => undefined,
  };
  const lines = 1 + Math.floor(random() * mixedStatements);
  return endRun(site, victim, { isCounted: () => true, lines, laterMs: random() * 30 });
}

async function bringBackFirst(): Promise<void> {
  other.destroy();
  await cluster.start(0);
  other = await connectToFirst();
}

test('a recording on one node changes nothing on the others', async () => {
  const state = (): Promise<unknown[][]> =>
    rows(`SELECT @@GLOBAL.general_log, VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
      WHERE VARIABLE_NAME = 'wsrep_last_committed'`);
  const before = await state();
  await recordStatements({
    url: cluster.adminUrls[0] ?? '',
    durationMs: 1,
    signal: new AbortController().signal,
    progress: () => undefined,
  });
  assert.deepEqual(await state(), before);
});
