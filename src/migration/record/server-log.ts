/**
 * The general log of a MariaDB server, switched on for a while and put back. It goes to a table of its own in the
 * place of mysql.general_log, which is emptied as it is read and dropped at the end; the one that was there is kept
 * aside meanwhile. A second connection waits on the server for a lock that the first one holds: when that lets go,
 * ends, dies or takes too long, the server itself puts everything back. What even that can't reach (the server was
 * killed) the next recording finds, and puts back first.
 */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { setTimeout as delay } from 'node:timers/promises';
import { OperationError, UserError } from '../../app/failure.ts';
import { connect, disconnect, reasonOf, type Target } from '../connect.ts';
import type { LogEntry, Process } from './log-follower.ts';

export interface LogOptions {
  /** See connection-url.ts; its account needs the rights that `neededRights` names. */
  readonly url: string;
  /** After which the server puts everything back whatever happens, in s. */
  readonly limitSeconds: number;
  readonly signal: AbortSignal;
}

/** What the account of a recorder has to be granted. */
export const neededRights: readonly string[] = [
  'SUPER, PROCESS ON *.*',
  'SELECT, INSERT, CREATE, ALTER, DROP ON mysql.*',
];

const lock = 'holdfast_recording';
/** Says that a recording is under way, with what has to be put back. */
const marker = 'mysql.holdfast_recording';
const log = 'mysql.general_log';
const keptLog = 'mysql.holdfast_log_kept';
const nextLog = 'mysql.holdfast_log_next';
const readLog = 'mysql.holdfast_log_read';

/**
 * Can be broken off anywhere and run again; the marker goes last. There is always a log table, but for a server that
 * was killed while it renamed two.
 */
const putBack = `
  SET GLOBAL general_log = OFF;
  SELECT log_output INTO @holdfast_log_output FROM ${marker} LIMIT 1;
  SET GLOBAL log_output = @holdfast_log_output;
  DROP TABLE IF EXISTS ${readLog}, ${nextLog};
  IF ${isThere('holdfast_log_kept')} THEN
    IF ${isThere('general_log')} THEN
      RENAME TABLE ${log} TO ${readLog}, ${keptLog} TO ${log};
      DROP TABLE ${readLog};
    ELSE
      RENAME TABLE ${keptLog} TO ${log};
    END IF;
  END IF;
  DROP TABLE ${marker};`;

function isThere(table: string): string {
  return `EXISTS (SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = '${table}')`;
}

/** How long one that has just died has to put things back, in s. */
const lockPatienceSeconds = 2;
const pollMs = 20;
/** How long the server may take to put everything back, in ms. */
const putBackTimeoutMs = 30_000;

/** Who needs a right it doesn't have: see https://mariadb.com/kb/en/mariadb-error-codes/. */
const denials = new Set<unknown>([1044, 1045, 1142, 1227]);

/** The server's log while it is switched on for a recording. */
export class ServerLog {
  readonly #target: Target;
  readonly #guard: Target;
  /** Resolves when everything is put back. */
  readonly #isBack: Promise<void>;
  #ended = false;

  private constructor(target: Target, guard: Target, isBack: Promise<void>) {
    this.#target = target;
    this.#guard = guard;
    this.#isBack = isBack;
    // Whoever ends the recording hears of it.
    const end = (): void => {
      this.#ended = true;
    };
    isBack.then(end, end);
  }

  /**
   * Switches it on. @returns what an earlier recording had left, in a sentence, if it had. Throws `UserError` when
   * another one is at work, the log is on already or a right is missing.
   */
  static async open(options: LogOptions): Promise<{ readonly log: ServerLog; readonly leftover?: string }> {
    const target = await connect(options.url);
    try {
      const leftover = await takePlace(target.connection);
      const opened = await ServerLog.#switchOn(target, options);
      return { log: opened, ...(leftover === undefined ? {} : { leftover }) };
    } catch (error) {
      await disconnect(target);
      throw explained(error);
    }
  }

  static async #switchOn(target: Target, { url, limitSeconds, signal }: LogOptions): Promise<ServerLog> {
    const { connection } = target;
    await requireLogOff(connection);
    signal.throwIfAborted();
    await connection.query(
      `CREATE TABLE ${marker} ENGINE = Aria AS SELECT @@GLOBAL.log_output AS log_output`,
    );
    const guard = await connect(url);
    const isBack = guardLog(guard.connection, limitSeconds);
    const opened = new ServerLog(target, guard, isBack);
    try {
      await opened.#guardWaits();
      await connection.query(`CREATE TABLE ${nextLog} LIKE ${log}`);
      await connection.query(`RENAME TABLE ${log} TO ${keptLog}, ${nextLog} TO ${log}`);
      await connection.query("SET GLOBAL log_output = 'TABLE'");
      await connection.query('SET GLOBAL general_log = ON');
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** The log is switched on only when somebody is there to switch it off. */
  async #guardWaits(): Promise<void> {
    while (!this.#ended) {
      const [rows] = await this.connection.query<RowDataPacket[]>(
        'SELECT STATE AS state FROM information_schema.PROCESSLIST WHERE ID = ?',
        [this.#guard.connection.threadId],
      );
      if (rows[0]?.['state'] === 'User lock') return;
      await delay(pollMs);
    }
    throw new OperationError('the connection that guards the recording is lost');
  }

  /** For questions of the same account, which are not logged. */
  get connection(): Connection {
    return this.#target.connection;
  }

  /** Whether the server has put everything back by itself: the time is over. */
  get isOver(): boolean {
    return this.#ended;
  }

  /** Which connections there are, and their databases. */
  async processes(): Promise<Process[]> {
    const [rows] = await this.connection.query<RowDataPacket[]>(
      'SELECT ID AS thread, DB AS db FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()',
    );
    return rows.map((row) => ({
      thread: Number(row['thread']),
      database: row['db'] === null ? null : String(row['db']),
    }));
  }

  /** What has been logged since the last time, in its order. */
  async take(): Promise<LogEntry[]> {
    const { connection } = this;
    await connection.query(`CREATE TABLE ${nextLog} LIKE ${log}`);
    await connection.query(`RENAME TABLE ${log} TO ${readLog}, ${nextLog} TO ${log}`);
    const [rows] = await connection.query<RowDataPacket[]>(
      `SELECT thread_id AS thread, user_host, command_type AS command, CONVERT(argument USING utf8mb4) AS argument
       FROM ${readLog}`,
    );
    await connection.query(`DROP TABLE ${readLog}`);
    return rows.map((row) => ({
      thread: Number(row['thread']),
      userHost: String(row['user_host']),
      command: String(row['command']),
      argument: String(row['argument'] ?? ''),
    }));
  }

  /** Puts everything back. Throws `OperationError` where that did not work. The connection stays. */
  async putBack(): Promise<void> {
    const patience = new AbortController();
    try {
      // A lost connection has let go of the lock by itself.
      await this.connection.query('DO RELEASE_LOCK(?)', [lock]).catch(() => undefined);
      const tooLong = delay(putBackTimeoutMs, undefined, { signal: patience.signal }).then(() => {
        throw new Error(`no answer for ${putBackTimeoutMs / 1_000} s`);
      });
      await Promise.race([this.#isBack, tooLong]);
    } catch {
      // Somebody has ended the connection that guards: then it is done here.
      await this.#putBackHere();
    } finally {
      patience.abort();
    }
  }

  async #putBackHere(): Promise<void> {
    try {
      await putBackLeftover(this.connection);
    } catch (error) {
      throw new OperationError(
        `the server's general log could not be put back (${reasonOf(error)}): ` +
          'record once more, which puts it back first, or SET GLOBAL general_log = OFF by hand',
        { cause: error },
      );
    }
  }

  /** Puts everything back if that has not been done, and disconnects. */
  async close(): Promise<void> {
    try {
      await this.putBack();
    } finally {
      await disconnect(this.#target);
      await disconnect(this.#guard);
    }
  }
}

/** Nobody else may record. @returns what has been put back that an earlier recording had left */
async function takePlace(connection: Connection): Promise<string | undefined> {
  await quiet(connection);
  const [[row = {}]] = await connection.query<RowDataPacket[]>(
    'SELECT GET_LOCK(?, ?) AS got, IS_USED_LOCK(?) AS holder',
    [lock, lockPatienceSeconds, lock],
  );
  const { got, holder } = row as { got?: unknown; holder?: unknown };
  if (got !== 1)
    throw new UserError(
      `another recording is at work on this server (connection ${String(holder)}): wait for its end`,
    );
  return (await putBackLeftover(connection))
    ? 'an earlier recording was broken off together with the server: what it had left there has been put back'
    : undefined;
}

/** @returns whether there was something to put back */
async function putBackLeftover(connection: Connection): Promise<boolean> {
  const [found] = await connection.query<RowDataPacket[]>(
    `SELECT 1 FROM DUAL WHERE ${isThere('holdfast_recording')}`,
  );
  if (found.length > 0) await connection.query(`BEGIN NOT ATOMIC ${putBack}\nEND`);
  return found.length > 0;
}

/** What is asked for here stays out of the log, and on this server. */
async function quiet(connection: Connection): Promise<void> {
  await connection.query(
    'SET SESSION sql_log_off = ON, SESSION sql_log_bin = OFF, SESSION max_statement_time = 0, SESSION lock_wait_timeout = 30',
  );
  const [[row = {}]] = await connection.query<RowDataPacket[]>("SHOW SESSION VARIABLES LIKE 'wsrep_on'");
  if ((row as Record<string, unknown>)['Value'] === 'ON')
    await connection.query('SET SESSION wsrep_on = OFF');
}

async function requireLogOff(connection: Connection): Promise<void> {
  const [[row = {}]] = await connection.query<RowDataPacket[]>('SELECT @@GLOBAL.general_log AS is_on');
  if ((row as Record<string, unknown>)['is_on'] === 0) return;
  throw new UserError(
    "the server's general log is on already, and what it has is not to be mixed up: SET GLOBAL general_log = OFF, then record",
  );
}

/** Waits on the server until the recorder lets go of the lock; then puts everything back. */
async function guardLog(connection: Connection, limitSeconds: number): Promise<void> {
  await quiet(connection);
  await connection.query(
    `BEGIN NOT ATOMIC
  DO GET_LOCK('${lock}', ${Math.ceil(limitSeconds)});${putBack}
  DO RELEASE_LOCK('${lock}');
END`,
  );
}

function explained(error: unknown): unknown {
  if (!denials.has((error as { errno?: unknown }).errno)) return error;
  const grants = neededRights.map((rights) => `GRANT ${rights} TO …;`).join(' ');
  return new UserError(`recording needs more rights (${reasonOf(error)}): ${grants}`, { cause: error });
}
