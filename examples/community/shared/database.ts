/**
 * The way to MariaDB for both services. A pool connects on demand and drops connections that died, so
 * a restart or failover of the database costs the requests in flight an error, never the process.
 * A connection on which anything failed is destroyed, not reused: the server then rolls back by itself.
 */
import { createPool, type Connection, type Pool } from 'mysql2/promise';

const CONNECTIONS = 4;
const WAITING_REQUESTS = 200;
const CONNECT_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 5_000;
/** How often a transaction is tried. */
const TRIES = 3;

export function openPool(url: string): Pool {
  return createPool({
    uri: url,
    connectionLimit: CONNECTIONS,
    queueLimit: WAITING_REQUESTS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    charset: 'utf8mb4',
  });
}

/** Runs one statement with its values and gives its rows, or the header of a change. */
export type Sql = <T>(statement: string, values?: (string | number | null)[]) => Promise<T>;

export async function withConnection<T>(pool: Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  const connection = await pool.getConnection();
  try {
    const result = await work(sqlOn(connection));
    connection.release();
    return result;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/**
 * Like withConnection, in one transaction: commits what `work` did unless it throws. One that the server has rolled
 * back because of a deadlock is done anew: a schema change of a table ends the transactions that have locked rows of
 * another which it refers to.
 */
export async function inTransaction<T>(pool: Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transactOnce(pool, work);
    } catch (error) {
      if (attempt === TRIES || !isDeadlock(error)) throw error;
    }
  }
}

function isDeadlock(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ER_LOCK_DEADLOCK';
}

function transactOnce<T>(pool: Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  return withConnection(pool, async (sql) => {
    await sql('START TRANSACTION');
    const result = await work(sql);
    await sql('COMMIT');
    return result;
  });
}

/** Throws when the database does not answer. */
export async function checkDatabase(pool: Pool): Promise<void> {
  await withConnection(pool, (sql) => sql('SELECT 1'));
}

/** Whether the error means "the database is away or busy, try again" and not a mistake of ours. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code = '', fatal = false } = error as Error & { code?: string; fatal?: boolean };
  return fatal || RETRYABLE.has(code) || error.message === 'Queue limit reached.';
}

const RETRYABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ER_CON_COUNT_ERROR',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_OPTION_PREVENTS_STATEMENT', // the server is read-only: a failover is under way
  'ER_SERVER_SHUTDOWN',
]);

function sqlOn(connection: Connection): Sql {
  return async <T>(statement: string, values: (string | number | null)[] = []): Promise<T> => {
    const [rows] = await connection.query({ sql: statement, values, timeout: STATEMENT_TIMEOUT_MS });
    return rows as T;
  };
}
