/**
 * One migrator at a time in a database: MariaDB's GET_LOCK, held by the very connection that runs the
 * statements. So it is held for as long as a statement runs on the server, even if its client is gone.
 * It is local to one node: migrators on different nodes of a Galera cluster are kept apart by the lease (lease.ts).
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { OperationError } from '../app/failure.ts';

/** Who holds the lock, as far as the account may see. */
export interface LockHolder {
  /** Number of the connection on the server. */
  readonly connection: number;
  /** Host and port it comes from. */
  readonly host?: string;
  /** Since when it has been doing what it does now, in seconds. */
  readonly seconds?: number;
}

export interface LockRequest {
  readonly database: string;
  /** How long to wait for another migrator, in ms. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Called once for each holder. */
  readonly waiting: (holder: LockHolder | undefined) => void | Promise<void>;
}

/** How often it is tried, in ms: a wait inside the server could not be ended from here. */
const retryMs = 200;

/** The longest name of a lock in MariaDB, in characters. */
const longestLockName = 64;

/** The name of the lock for `database`. */
export function lockName(database: string): string {
  return `holdfast_migration.${database}`.slice(0, longestLockName);
}

/** Takes the lock. Throws `OperationError` when another holds it for longer than `waitMs`. */
export async function takeLock(connection: Connection, request: LockRequest): Promise<void> {
  const name = lockName(request.database);
  const giveUpAt = performance.now() + request.waitMs;
  let known: number | undefined;
  while (!(await tryLock(connection, name))) {
    const holder = await lockHolder(connection, request.database);
    if (holder?.connection !== known) {
      known = holder?.connection;
      await request.waiting(holder);
    }
    if (performance.now() > giveUpAt) {
      throw new OperationError(
        `another migrator has been at work on ${request.database} for more than ${Math.round(request.waitMs / 1000)} s: ` +
          `${describeHolder(holder)}. Wait for it to end, or end it with KILL`,
      );
    }
    await delay(retryMs, undefined, { signal: request.signal });
  }
}

/** Who holds the lock now; none when nobody does. */
export async function lockHolder(connection: Connection, database: string): Promise<LockHolder | undefined> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT l.id, p.HOST AS host, p.TIME_MS AS ms FROM (SELECT IS_USED_LOCK(?) AS id) l
       LEFT JOIN information_schema.PROCESSLIST p ON p.ID = l.id`,
    [lockName(database)],
  );
  const row = rows[0];
  if (!row || row['id'] === null) return undefined;
  const isVisible = row['host'] !== null;
  return {
    connection: Number(row['id']),
    ...(isVisible ? { host: String(row['host']), seconds: Math.floor(Number(row['ms']) / 1000) } : {}),
  };
}

/** GET_LOCK gives 1 for success, 0 for a timeout, NULL for an error. */
async function tryLock(connection: Connection, name: string): Promise<boolean> {
  const [rows] = await connection.query<RowDataPacket[]>('SELECT GET_LOCK(?, 0) AS got', [name]);
  return Number(rows[0]?.['got']) === 1;
}

function describeHolder(holder: LockHolder | undefined): string {
  if (!holder) return 'it has just gone';
  const from = holder.host === undefined ? '' : ` from ${holder.host}`;
  return `connection ${holder.connection}${from}`;
}
