/**
 * The second lock of migrators: a row with a holder and an epoch, taken by compare-and-swap. It works where
 * GET_LOCK does not, on the nodes of a Galera cluster: two who change the row at once collide, and one
 * commits. It says who may write into the journal, and every write there carries the epoch.
 *
 * The holder moves `beats` on while it lives. It is taken over when
 *  - it was given back, or
 *  - its holder was connected to this very server: whoever asks has GET_LOCK there, which the holder's own
 *    connection would still have, even in the middle of a statement; or
 *  - `beats` has stood still for the lease's time by the clock of the one who waits (no two clocks are ever
 *    compared), and no statement of a migrator is to be seen in the server's list of processes.
 */

import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { OperationError } from '../app/failure.ts';
import { writeAtOnce, type Write } from './combined-writes.ts';
import { leaseTable, quoted } from './own-tables.ts';
import { statementTag } from './statement-tag.ts';

/** Another migrator has taken the lease: this one writes nothing more. */
export class LeaseLost extends OperationError {
  constructor(what: string) {
    super(
      `another migrator has taken over, since this one was not heard of for too long (${what}); it goes on`,
    );
  }
}

/** Who has the lease. */
export interface LeaseHolder {
  /** Host or pod, and process. */
  readonly name: string;
  /** UTC, by the clock of its server. */
  readonly since: Date;
}

export interface LeaseRequest {
  readonly database: string;
  /** How long to wait for another holder, in ms. */
  readonly waitMs: number;
  /** After how long without a sign of life the lease is taken over, in ms. */
  readonly lifeMs?: number;
  readonly signal: AbortSignal;
  /** Called once for each holder that is waited for. */
  readonly waiting: (holder: LeaseHolder) => void;
}

/** Taken over after this time without a beat, in ms. */
export const leaseLifeMs = 15_000;
const retryMs = 300;
/** How often the row is made before it is given up. */
const preparations = 20;
/** Lock wait timeout, deadlock: somebody else was faster. */
const collisions = new Set<unknown>([1205, 1213]);
const noSuchTable = 1146;

interface LeaseRow {
  readonly epoch: number;
  readonly beats: number;
  readonly server: string;
  readonly holder?: LeaseHolder;
  /** Age of the last beat by the clock of the server, in ms. */
  readonly silentMs: number;
}

/** The lease while it is held. */
export class HeldLease {
  readonly epoch: number;
  readonly #table: string;

  constructor(database: string, epoch: number) {
    this.#table = tableOf(database);
    this.epoch = epoch;
  }

  /** Moves the beats on. @throws LeaseLost */
  async renew(connection: Connection): Promise<void> {
    await writeAtOnce(connection, [this.renewal()]);
  }

  /** The same, to be made in a transaction. */
  renewal(): Write {
    return {
      sql: `UPDATE ${this.#table} SET beats = beats + 1, seen = UTC_TIMESTAMP(3) WHERE id = 1 AND epoch = ?`,
      values: [this.epoch],
      otherwise: () => new LeaseLost(`epoch ${this.epoch} is over`),
    };
  }

  /** Gives it back; nothing happens when it is another's already. */
  async release(connection: Connection): Promise<void> {
    await connection.execute(`UPDATE ${this.#table} SET holder = NULL WHERE id = 1 AND epoch = ?`, [
      this.epoch,
    ]);
  }
}

/**
 * Makes the table and its one row when they are missing. On Galera another node's CREATE TABLE ends an INSERT here as a
 * collision, and then nobody may have made the row: it is looked for again. @throws OperationError when it never comes
 */
export async function prepareLease(connection: Connection, database: string): Promise<void> {
  for (let tried = 0; (await readLease(connection, database)) === undefined; tried++) {
    if (tried === preparations) throw rowLost();
    if (tried > 0) await delay(retryMs);
    await makeRow(connection, database);
  }
}

async function makeRow(connection: Connection, database: string): Promise<void> {
  const table = tableOf(database);
  try {
    await connection.query(createTable(table));
    await connection.execute(
      `INSERT IGNORE INTO ${table} (id, epoch, beats, server, seen, since) VALUES (1, 0, 0, '', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`,
    );
  } catch (error) {
    if (!isCollision(error)) throw error;
  }
}

/** Takes the lease; the caller holds GET_LOCK. Throws `OperationError` when another has it for longer than `waitMs`. */
export async function takeLease(connection: Connection, request: LeaseRequest): Promise<HeldLease> {
  const { database, signal } = request;
  const server = await serverName(connection);
  const giveUpAt = performance.now() + request.waitMs;
  const silence = new Silence(request.lifeMs ?? leaseLifeMs);
  let told: string | undefined;
  for (;;) {
    const row = await requireRow(connection, database);
    const isFree = row.holder === undefined || row.server === server;
    const isSilent = silence.hear(row);
    const mayTake = isFree || (isSilent && !(await seesMigration(connection)));
    if (mayTake && (await swap(connection, database, row, server)))
      return new HeldLease(database, row.epoch + 1);
    told = tell(request, row, told);
    if (performance.now() > giveUpAt) throw tooLong(row, database);
    await delay(retryMs, undefined, { signal });
  }
}

/** @returns the name of the holder that has been told */
function tell({ waiting }: LeaseRequest, { holder }: LeaseRow, told: string | undefined): string | undefined {
  if (holder && holder.name !== told) waiting(holder);
  return holder?.name;
}

function tooLong({ holder }: LeaseRow, database: string): OperationError {
  return new OperationError(
    `another migrator (${holder?.name ?? 'unknown'}) has the lease of ${database}: wait for it to end`,
  );
}

/** Measures by the own clock for how long a holder has not been heard of. */
class Silence {
  readonly #lifeMs: number;
  #heard: LeaseRow | undefined;
  #since = 0;

  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs;
  }

  /** Takes what was read now. @returns whether the lease's life is over */
  hear(row: LeaseRow): boolean {
    const now = performance.now();
    if (this.#heard?.epoch !== row.epoch || this.#heard.beats !== row.beats) this.#since = now;
    this.#heard = row;
    return now - this.#since > this.#lifeMs;
  }
}

async function requireRow(connection: Connection, database: string): Promise<LeaseRow> {
  const row = await readLease(connection, database);
  if (row === undefined) throw rowLost();
  return row;
}

function rowLost(): OperationError {
  return new OperationError(`the table ${leaseTable} has lost its row`);
}

/** Who is at work, by the lease; none when nobody is or has been heard of lately. */
export async function leaseHolder(
  connection: Connection,
  database: string,
): Promise<LeaseHolder | undefined> {
  const row = await readLease(connection, database);
  return row !== undefined && row.silentMs < leaseLifeMs ? row.holder : undefined;
}

/** The same, but only if it is connected to another server: of those on this one GET_LOCK tells, and sooner. */
export async function holderElsewhere(
  connection: Connection,
  database: string,
): Promise<LeaseHolder | undefined> {
  const row = await readLease(connection, database);
  if (row === undefined || row.silentMs >= leaseLifeMs) return undefined;
  return row.server === (await serverName(connection)) ? undefined : row.holder;
}

/** The name of this process for others. */
export function ownName(): string {
  return `${hostname()}, process ${process.pid}`;
}

/** In a transaction, not by autocommit, which Galera would try again by itself after a lost collision. */
async function swap(
  connection: Connection,
  database: string,
  { epoch, beats }: LeaseRow,
  server: string,
): Promise<boolean> {
  try {
    await connection.query('START TRANSACTION');
    const [result] = await connection.execute<ResultSetHeader>(
      `UPDATE ${tableOf(database)} SET epoch = epoch + 1, beats = 0, holder = ?, server = ?,
         since = UTC_TIMESTAMP(3), seen = UTC_TIMESTAMP(3) WHERE id = 1 AND epoch = ? AND beats = ?`,
      [ownName(), server, epoch, beats],
    );
    await connection.query('COMMIT');
    return result.affectedRows === 1;
  } catch (error) {
    if (!isCollision(error)) throw error;
    await connection.query('ROLLBACK');
    return false;
  }
}

/** Whether a transaction was rolled back because of another one, on this node or another. */
export function isCollision(error: unknown): boolean {
  return collisions.has((error as { errno?: unknown }).errno);
}

async function readLease(connection: Connection, database: string): Promise<LeaseRow | undefined> {
  try {
    const [rows] = await connection.execute<RowDataPacket[]>(
      `SELECT epoch, beats, server, holder, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', since) DIV 1000 AS since,
         TIMESTAMPDIFF(MICROSECOND, seen, UTC_TIMESTAMP(3)) DIV 1000 AS silent
       FROM ${tableOf(database)} WHERE id = 1`,
    );
    const [row] = rows;
    if (!row) return undefined;
    const { holder } = row;
    return {
      epoch: Number(row['epoch']),
      beats: Number(row['beats']),
      server: String(row['server']),
      silentMs: Number(row['silent']),
      ...(typeof holder === 'string'
        ? { holder: { name: holder, since: new Date(Number(row['since'])) } }
        : {}),
    };
  } catch (error) {
    if ((error as { errno?: unknown }).errno === noSuchTable) return undefined;
    throw error;
  }
}

/** Whether a statement of a migrator runs on this server, also one that another node has sent here. */
async function seesMigration(connection: Connection): Promise<boolean> {
  const [rows] = await connection.execute<RowDataPacket[]>(
    `SELECT 1 FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND INFO LIKE ? LIMIT 1`,
    [`${statementTag}%`],
  );
  return rows.length > 0;
}

/** A name that no other server has, and that this one keeps. */
async function serverName(connection: Connection): Promise<string> {
  const [rows] = await connection.query<RowDataPacket[]>(
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', 'port', 'server_uid', 'datadir')",
  );
  return rows.map((row) => String(row['Value'])).join(' ');
}

function tableOf(database: string): string {
  return `${quoted(database)}.${quoted(leaseTable)}`;
}

function createTable(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
    id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
    epoch BIGINT UNSIGNED NOT NULL,
    beats BIGINT UNSIGNED NOT NULL,
    holder VARCHAR(400) NULL,
    server VARCHAR(1000) NOT NULL,
    since DATETIME(3) NOT NULL COMMENT 'UTC',
    seen DATETIME(3) NOT NULL COMMENT 'UTC; the last beat'
  ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COMMENT = 'Which migrator of Holdfast is at work'`;
}
