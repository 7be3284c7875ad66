/** What the tests of migrations share: sets from plain text, a run with its events, a look at the database. */

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import type { MigrationSet } from '../../src/migration/migration-set.ts';
import type { MigrationProgress } from '../../src/migration/progress.ts';
import type { ReleasePhase } from '../../src/migration/release-phase.ts';
import { runMigrations, type MigrationReport } from '../../src/migration/run.ts';
import type { ShadowSettings } from '../../src/migration/shadow/foresight.ts';
import { parseMigrations } from '../../src/migration/source.ts';
import { testAccounts, type TestServer } from '../support/mariadb.ts';

/** A set from the content of its files. */
export function setOf(files: Readonly<Record<string, string>>): MigrationSet {
  const sources = Object.entries(files).map(([file, sql]) => ({ file, content: Buffer.from(sql) }));
  return parseMigrations('migrations', sources);
}

/** An application's database for one test: URLs of its accounts, and a connection of the administrator. */
export interface TestDatabase {
  readonly url: string;
  readonly serviceUrl: string;
  readonly admin: Connection;
  readonly rows: (sql: string) => Promise<unknown[][]>;
  readonly run: (set: MigrationSet, options?: RunSettings) => Promise<MigrationReport>;
}

export interface RunSettings {
  /** Of the migrator, when it is not the server's own. */
  readonly url?: string;
  readonly signal?: AbortSignal;
  readonly progress?: (event: MigrationProgress) => void;
  readonly lockWaitMs?: number;
  readonly blockedMs?: number;
  readonly largeBytes?: number;
  readonly shadow?: ShadowSettings;
  readonly leaseLifeMs?: number;
  readonly phase?: ReleasePhase;
  readonly replicas?: readonly string[];
}

/** Empties the application's database of `server`, and ends the connection when `work` is done. */
export async function withDatabase(
  server: TestServer,
  work: (database: TestDatabase) => Promise<void>,
): Promise<void> {
  await withFilledDatabase(server, async (database) => {
    await dropDatabase(server, database.admin);
    await database.admin.query('CREATE DATABASE app');
    await database.admin.query('USE app');
    await work(database);
  });
}

/** A server that was killed in a schema change may leave a file that belongs to no table, and then it keeps the folder. */
async function dropDatabase(server: TestServer, admin: Connection): Promise<void> {
  try {
    await admin.query('DROP DATABASE app');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ER_DB_DROP_RMDIR') throw error;
    const folder = join(server.configuration.paths.data, 'app');
    const left = (await readdir(folder)).filter((file) => file !== 'db.opt');
    process.stderr.write(`the server has left ${left.join(', ')}\n`);
    for (const file of left) await rm(join(folder, file));
    await admin.query('DROP DATABASE app');
  }
}

/** The same with the database as it is. */
export async function withFilledDatabase(
  server: TestServer,
  work: (database: TestDatabase) => Promise<void>,
): Promise<void> {
  const admin = await createConnection(connectionOptions(server.url()));
  admin.on('error', () => undefined);
  const url = server.urlOf(testAccounts.migrator);
  const [service = testAccounts.migrator] = testAccounts.services;
  try {
    await work({
      url,
      serviceUrl: server.urlOf(service),
      admin,
      rows: async (sql) => {
        const [rows] = await admin.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
        return rows;
      },
      run: async (set, options = {}) =>
        runMigrations({
          url,
          set,
          signal: new AbortController().signal,
          progress: () => undefined,
          ...options,
        }),
    });
  } finally {
    admin.destroy();
  }
}
