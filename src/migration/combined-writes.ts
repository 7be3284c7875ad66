/**
 * Several writes in one round trip: a compound statement, which the server prepares once and which means the same
 * whatever a migration sets for the session. The server ends it at the first write that fails, or that changes no row
 * where it has to change one: nothing behind that is executed.
 */

import type { Connection } from 'mysql2/promise';

export interface Write {
  readonly sql: string;
  readonly values: readonly (string | number | null)[];
  /** It has to change one row. Otherwise the transaction is rolled back, and what this returns is thrown. */
  readonly otherwise?: () => Error;
}

/** How a transaction begins. */
export const begin: Write = { sql: 'START TRANSACTION', values: [] };
/** How it ends. */
export const commit: Write = { sql: 'COMMIT', values: [] };

/** Added to the index of a write it is the number of the error of one that has changed no row; no number of MariaDB's. */
const unchanged = 31_000;

/** Makes them in order. Rejects with the error of the first that fails; what it was in stays open. */
export async function writeAtOnce(connection: Connection, writes: readonly Write[]): Promise<void> {
  const values = writes.flatMap((write) => write.values);
  try {
    await connection.execute(`BEGIN NOT ATOMIC ${writes.map(stepOf).join(' ')} END`, values);
  } catch (error) {
    throw failureOf(writes, error);
  }
}

function stepOf({ sql, otherwise }: Write, index: number): string {
  if (!otherwise) return `${sql};`;
  return `${sql}; IF ROW_COUNT() <> 1 THEN ROLLBACK;
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${unchanged + index}, MESSAGE_TEXT = 'no row has been changed'; END IF;`;
}

function failureOf(writes: readonly Write[], error: unknown): unknown {
  const { errno } = error as { errno?: unknown };
  if (typeof errno !== 'number') return error;
  return writes[errno - unchanged]?.otherwise?.() ?? error;
}
