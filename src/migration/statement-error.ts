/** What a failed statement means for the migrator, and what is left to do after it. */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { OperationError } from '../app/failure.ts';
import { reasonOf } from './connect.ts';
import type { RowKey } from './journal-row.ts';

/** Lock wait timeout, deadlock, a record that has changed since the transaction has read it. */
const blockedErrors = new Set([1205, 1213, 1020]);
/** A failed write, a full disk, a full table, a temporary file that could not be written. */
const noRoomErrors = new Set([3, 1021, 1026, 1114, 1878]);
/** Any error of the storage engine, with a number of its own: no space left on the device, a failed temporary file. */
const engineError = 1030;
const noRoomInEngine = /^Got error (?:28|59) /;
/** A rollback left changes in tables without transactions. */
const incompleteRollback = 1196;

/** Whether others were in the way, so that it can be tried again. */
export function isBlocked(error: unknown): boolean {
  return blockedErrors.has(errnoOf(error) ?? 0);
}

/** What the server says; where it had no room to write, which it says in many ways, also what to do. */
export function explained(error: unknown): string {
  const reason = reasonOf(error);
  const errno = errnoOf(error) ?? 0;
  if (!noRoomErrors.has(errno) && !(errno === engineError && noRoomInEngine.test(reason))) return reason;
  return `${reason} (the server has no room to write: its disk is full, or the table has reached a limit. Make room, then run the migrations again)`;
}

/** Whether the connection is lost. */
export function isFatal(error: unknown): boolean {
  return (error as { fatal?: unknown }).fatal === true || errnoOf(error) === undefined;
}

function errnoOf(error: unknown): number | undefined {
  const { errno } = error as { errno?: unknown };
  return typeof errno === 'number' && errno > 0 ? errno : undefined;
}

/** @returns whether all of the transaction is undone */
export async function rollBack(connection: Connection): Promise<boolean> {
  await connection.query('ROLLBACK');
  const [warnings] = await connection.query<RowDataPacket[]>('SHOW WARNINGS');
  return !warnings.some((warning) => Number(warning['Code']) === incompleteRollback);
}

export function connectionLost({ file, statement }: RowKey, cause: unknown): OperationError {
  return new OperationError(
    `the connection was lost at ${file.file}:${statement.line} (${reasonOf(cause)}): run the migrations again, they go on from there`,
    { cause },
  );
}

/** The pause before another try, in ms: it grows with the tries, up to the last. */
const pauses = [100, 250, 500, 1_000, 2_000] as const;
const longestPauseMs = 5_000;

/** How long to wait after that many tries have been blocked, in ms. */
export function pauseBefore(attempt: number): number {
  return pauses[attempt - 1] ?? longestPauseMs;
}
