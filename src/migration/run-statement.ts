/**
 * Runs one statement exactly once. The journal knows of it before it starts; a statement that changes data
 * is committed together with the news that it is applied. A statement that would have to wait for the
 * application gives up and is tried again, so that nobody queues behind it.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { OperationError } from '../app/failure.ts';
import { isAtomicSchemaChange, leadingWords } from './allowed-statement.ts';
import { reasonOf } from './connect.ts';
import { schemaFingerprint } from './fingerprint.ts';
import type { Journal } from './journal.ts';
import { MigrationFailure } from './migration-failure.ts';
import type { MigrationFile, Statement } from './migration-set.ts';
import type { ReportProgress } from './progress.ts';

/** Where a run of migrations works. */
export interface Workplace {
  readonly connection: Connection;
  readonly database: string;
  readonly journal: Journal;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
  /** How long the application may block a statement, in ms. */
  readonly blockedMs: number;
}

interface Task {
  readonly file: MigrationFile;
  readonly statement: Statement;
}

/** Lock wait timeout, deadlock. */
const blockedErrors = new Set([1205, 1213]);
/** A rollback left changes in tables without transactions. */
const incompleteRollback = 1196;

/** The pause before another try, in ms: it grows with the tries, up to the last. */
const pauses = [100, 250, 500, 1_000, 2_000] as const;
const longestPauseMs = 5_000;

/**
 * Runs `task` and writes it into the journal. Throws `MigrationFailure` when the server refuses it,
 * `OperationError` when the connection is lost: what has become of the statement is found out by the next
 * run. Rejects with the reason of the signal when that ends it.
 */
export async function runStatement(work: Workplace, task: Task): Promise<void> {
  const giveUpAt = performance.now() + work.blockedMs;
  for (let attempt = 1; ; attempt += 1) {
    work.signal.throwIfAborted();
    const failure = await tryStatement(work, task);
    if (!failure) return;
    work.signal.throwIfAborted();
    if (!failure.blocked || performance.now() > giveUpAt) throw failure.error;
    const { file, statement } = task;
    work.progress({
      kind: 'blocked',
      version: file.version,
      file: file.file,
      statement: statement.index,
      line: statement.line,
      attempt,
      reason: failure.error.reason,
    });
    await delay(pauses[attempt - 1] ?? longestPauseMs, undefined, { signal: work.signal });
  }
}

interface Failure {
  /** Nothing of it was applied, and it can be tried again. */
  readonly blocked: boolean;
  readonly error: MigrationFailure;
}

async function tryStatement(work: Workplace, task: Task): Promise<Failure | undefined> {
  const { connection, journal } = work;
  let before: string | undefined;
  try {
    before = await schemaFingerprint(connection, work.database);
    await journal.starting(task, before);
    await connection.query('START TRANSACTION');
    await journal.beginning(task);
    work.signal.throwIfAborted();
    await connection.query(task.statement.sql);
    await journal.applied(task);
    await connection.query('COMMIT');
    return undefined;
  } catch (error) {
    if (isFatal(error)) throw connectionLost(task, error);
    return await settle(work, task, { error, before });
  }
}

/** Undoes what can be undone and writes the outcome into the journal. */
async function settle(
  work: Workplace,
  task: Task,
  { error, before }: { error: unknown; before: string | undefined },
): Promise<Failure> {
  const reason = reasonOf(error);
  const wrap = (text: string): MigrationFailure =>
    new MigrationFailure(task.file, task.statement, text, { cause: error });
  try {
    const undone = await rollBack(work.connection);
    const isBlocked = blockedErrors.has(errnoOf(error) ?? 0);
    if (before === undefined) return { blocked: isBlocked, error: wrap(reason) };
    if (undone && (await leftNothing(work, task, before))) {
      await work.journal.failed(task, reason);
      return { blocked: isBlocked, error: wrap(reason) };
    }
  } catch (second) {
    if (isFatal(second)) throw connectionLost(task, second);
    throw second;
  }
  return { blocked: false, error: wrap(`${reason}; a part of the statement may have been applied`) };
}

/** An error means that a single statement did nothing; one that runs others may have done some of them. */
async function leftNothing(work: Workplace, task: Task, before: string): Promise<boolean> {
  const { sql } = task.statement;
  if (!(await work.journal.hasBegun(task)) || isAtomicSchemaChange(sql)) return true;
  const runsOthers = ['CALL', 'BEGIN', 'EXECUTE'].includes(leadingWords(sql, 1)[0] ?? '');
  return !runsOthers && (await schemaFingerprint(work.connection, work.database)) === before;
}

async function rollBack(connection: Connection): Promise<boolean> {
  await connection.query('ROLLBACK');
  const [warnings] = await connection.query<RowDataPacket[]>('SHOW WARNINGS');
  return !warnings.some((warning) => Number(warning['Code']) === incompleteRollback);
}

function isFatal(error: unknown): boolean {
  return (error as { fatal?: unknown }).fatal === true || errnoOf(error) === undefined;
}

function errnoOf(error: unknown): number | undefined {
  const { errno } = error as { errno?: unknown };
  return typeof errno === 'number' && errno > 0 ? errno : undefined;
}

function connectionLost({ file, statement }: Task, cause: unknown): OperationError {
  return new OperationError(
    `the connection was lost at ${file.file}:${statement.line} (${reasonOf(cause)}): run the migrations again, they go on from there`,
    { cause },
  );
}
