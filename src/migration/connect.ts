/**
 * The one connection of a migrator or of a look at its journal. It is made for statements that may take
 * hours: nothing but the caller's signal bounds them.
 */

import { connect as openSocket, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { OperationError, UserError } from '../app/failure.ts';
import { connectionOptions, parseConnectionUrl, redacted } from '../database/connection-url.ts';

/** A connection and the database that its URL names. */
export interface Target {
  readonly connection: Connection;
  readonly database: string;
  /** Ends it at once, also when the server has vanished without a word: what is running rejects. */
  readonly cut: () => void;
}

/** How long to wait for a killed statement to end, and for the server's goodbye, in ms. */
const stopTimeoutMs = 5_000;
const goodbyeMs = 1_000;

/** After this silence the server is asked by TCP whether it is still there, in ms. */
const keepAliveMs = 30_000;

/** The server ends the connection of a migrator that has no statement running for so long, in s. */
const vanishedSeconds = 30;

/**
 * Connects; `signal` cuts the connection, whatever it does then. Throws `UserError` for a URL without a database, `OperationError` when the server is not there
 * or refuses. The caller ends the connection with `disconnect`.
 */
export async function connect(url: string, signal?: AbortSignal): Promise<Target> {
  const { database, host, port } = parseConnectionUrl(url);
  if (database === undefined) {
    throw new UserError(
      `the database URL ${redacted(url)} names no database: write it behind the last slash`,
    );
  }
  signal?.throwIfAborted();
  // A socket of our own: the library's way to end one waits for the other side.
  let socket: Socket | undefined;
  const stream = (): Socket =>
    (socket = openSocket({ host, port, keepAlive: true, keepAliveInitialDelay: keepAliveMs, noDelay: true }));
  const cut = (): void => void socket?.destroy();
  signal?.addEventListener('abort', cut, { once: true });
  try {
    const connection = await createConnection({ ...connectionOptions(url), stream });
    // A lost connection also fails the query that is running, or the next one; there it is handled.
    connection.on('error', () => undefined);
    socket?.once('close', () => signal?.removeEventListener('abort', cut));
    return { connection, database, cut };
  } catch (error) {
    signal?.removeEventListener('abort', cut);
    cut();
    throw new OperationError(`the database ${redacted(url)} can't be reached: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** Ends the connection in an orderly way where that is still possible. */
export async function disconnect({ connection, cut }: Target): Promise<void> {
  const answered = new AbortController();
  const patience = delay(goodbyeMs, undefined, { signal: answered.signal }).catch(() => undefined);
  // It fails when the connection is lost: then there is nothing to end.
  await Promise.race([connection.end().catch(() => undefined), patience]);
  answered.abort();
  cut();
}

/** Ends the statement that runs on the connection, so that it doesn't go on without its migrator. */
export async function stopStatement(url: string, { connection, cut }: Target): Promise<void> {
  setTimeout(cut, stopTimeoutMs).unref();
  try {
    const other = await connect(url, AbortSignal.timeout(stopTimeoutMs));
    try {
      await other.connection.query(`KILL QUERY ${connection.threadId}`);
    } finally {
      await disconnect(other);
    }
  } catch {
    // The server is gone or refuses: then only leaving is left.
    cut();
  }
}

/** What a server or a socket says, never empty. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return error.message === '' ? (code ?? error.name) : error.message;
}

/** Everything a migration may set that another file must not inherit. */
const sessionVariables = [
  'sql_mode',
  'foreign_key_checks',
  'unique_checks',
  'check_constraint_checks',
  'time_zone',
  'default_storage_engine',
  'alter_algorithm',
  'sql_safe_updates',
  'group_concat_max_len',
  'character_set_client',
  'character_set_results',
  'collation_connection',
  'innodb_lock_wait_timeout',
] as const;

export type SessionSettings = Readonly<Record<string, string | number>>;

/**
 * Reads what a fresh connection has. In addition a schema change that can't get its lock within a second
 * gives up, because every query that comes after it has to wait behind it; no limit of the server ends a
 * statement that takes long; and a migrator that has vanished without a word, with its machine, does not
 * keep the lock for hours.
 */
export async function readSession(connection: Connection): Promise<SessionSettings> {
  const names = sessionVariables.map((name) => `@@SESSION.${name} AS ${name}`);
  const [rows] = await connection.query<RowDataPacket[]>(`SELECT ${names.join(', ')}`);
  const read: Readonly<Record<string, string | number>> = rows[0] ?? {};
  return { ...read, lock_wait_timeout: 1, max_statement_time: 0, wait_timeout: vanishedSeconds };
}

/** Sets the connection to `settings`, whatever a migration has set. */
export async function restoreSession(connection: Connection, settings: SessionSettings): Promise<void> {
  const assignments = Object.keys(settings).map((name) => `SESSION ${name} = ?`);
  await connection.query(`SET ${assignments.join(', ')}`, Object.values(settings));
}
