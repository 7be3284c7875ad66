/**
 * Runs one statement exactly once. The journal knows of it before it starts; a statement that changes data
 * is committed together with the news that it is applied. A statement that would have to wait for the
 * application gives up and is tried again, so that nobody queues behind it.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, ResultSetHeader } from 'mysql2/promise';
import { isAtomicSchemaChange, leadingWords } from './allowed-statement.ts';
import { sendGuarded, type LargeTables } from './copy-guard.ts';
import { schemaFingerprint } from './fingerprint.ts';
import type { Journal } from './journal.ts';
import type { Expectation } from './journal-writing.ts';
import { LeaseLost, type HeldLease } from './lease.ts';
import { MigrationFailure } from './migration-failure.ts';
import type { MigrationFile, Statement } from './migration-set.ts';
import type { OwnCommits } from './own-commits.ts';
import type { ReportProgress } from './progress.ts';
import { connectionLost, explained, isBlocked, isFatal, pauseBefore, rollBack } from './statement-error.ts';
import { tagged } from './statement-tag.ts';

/** Where a run of migrations works. */
export interface Workplace {
  readonly connection: Connection;
  readonly database: string;
  readonly journal: Journal;
  readonly lease: HeldLease;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
  /** How long the application may block a statement, in ms. */
  readonly blockedMs: number;
  readonly large: LargeTables;
  readonly ownCommits: OwnCommits;
  /** URLs of replicas that a backfill must not leave behind. */
  readonly replicas: readonly string[];
}

export interface Task {
  readonly file: MigrationFile;
  readonly statement: Statement;
  /** What the shadow says of it; without it the schema is read before the statement runs. */
  readonly expected?: Expectation;
  /** What comes next in the file, when the shadow says something of it. */
  readonly next?: { readonly statement: Statement; readonly expected: Expectation };
}

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
    await delay(pauseBefore(attempt), undefined, { signal: work.signal });
  }
}

export interface Failure {
  /** Nothing of it was applied, and it can be tried again. */
  readonly blocked: boolean;
  readonly error: MigrationFailure;
}

async function tryStatement(work: Workplace, task: Task): Promise<Failure | undefined> {
  const { connection } = work;
  let expected = task.expected;
  try {
    expected ??= { before: await schemaFingerprint(connection, work.database) };
    await open(work, { ...task, expected });
    work.signal.throwIfAborted();
    const result = await send(work, task.statement);
    await finish(work, { ...task, expected }, transactionAfter(result));
    return undefined;
  } catch (error) {
    if (error instanceof LeaseLost) throw error;
    if (isFatal(error)) throw connectionLost(task, error);
    return await settle(work, task, { error, expected });
  }
}

/** Opens the transaction in which the statement runs, its row being there or in it. */
async function open(
  { journal, lease, ownCommits }: Workplace,
  task: Task & { readonly expected: Expectation },
): Promise<void> {
  const { expected, statement } = task;
  if (expected.isSingle === true) return journal.openChange(task, expected, lease);
  if (ownCommits.suffices(statement.sql)) return journal.openData(task, expected, lease);
  await journal.starting(task, expected, lease);
  await journal.beginning(task, lease);
}

/** @returns what the server answers */
async function send({ connection, large }: Workplace, statement: Statement): Promise<unknown> {
  const plain = async (): Promise<unknown> => (await connection.query(tagged(statement.sql)))[0];
  return sendGuarded(connection, plain, { statement, large });
}

/** Tells the journal that the statement is applied, in the same commit wherever there is still one to make. */
async function finish(
  { journal, lease, ownCommits }: Workplace,
  task: Task & { readonly expected: Expectation },
  transaction: TransactionState,
): Promise<void> {
  ownCommits.ran(task.statement.sql, task.expected);
  if (transaction === 'committed' && isEvident(task.expected)) {
    journal.tellLater(task);
    return;
  }
  const { file, next } = task;
  const needsRow = next?.expected.isSingle === false && !ownCommits.suffices(next.statement.sql);
  const begins = transaction === 'open' && needsRow ? { file, ...next } : undefined;
  await journal.finish(task, lease, begins);
}

/** Whether a crash after it leaves a schema that says that it is applied; see recovery.ts. */
function isEvident({ before, after, isSingle }: Expectation): boolean {
  return isSingle === true && after !== undefined && after !== before;
}

export type TransactionState = 'open' | 'committed' | 'unknown';

const statusInTransaction = 1;

/** What the server says of the transaction with its answer (SERVER_STATUS_IN_TRANS of its protocol). */
export function transactionAfter(result: unknown): TransactionState {
  const { serverStatus } = result as Partial<ResultSetHeader>;
  if (serverStatus === undefined) return 'unknown';
  return (serverStatus & statusInTransaction) === 0 ? 'committed' : 'open';
}

/** Undoes what can be undone and writes the outcome into the journal. */
export async function settle(
  work: Workplace,
  task: Task,
  { error, expected }: { error: unknown; expected: Expectation | undefined },
): Promise<Failure> {
  const reason = explained(error);
  const wrap = (text: string): MigrationFailure =>
    new MigrationFailure(task.file, task.statement, text, { cause: error });
  try {
    const undone = await rollBack(work.connection);
    const blocked = isBlocked(error);
    if (expected === undefined) return { blocked, error: wrap(reason) };
    if (undone && (await leftNothing(work, task, expected.before))) {
      await work.journal.failed(task, { expected, message: reason }, work.lease);
      return { blocked, error: wrap(reason) };
    }
  } catch (second) {
    if (isFatal(second) && !(second instanceof LeaseLost)) throw connectionLost(task, second);
    throw second;
  }
  return { blocked: false, error: wrap(`${reason}; a part of the statement may have been applied`) };
}

/** An error means that a single statement did nothing; one that runs others may have done some of them. */
async function leftNothing(work: Workplace, task: Task, before: string): Promise<boolean> {
  const { sql } = task.statement;
  const isSingle = task.expected?.isSingle ?? isAtomicSchemaChange(sql);
  if (!(await work.journal.hasBegun(task)) || isSingle) return true;
  const runsOthers = ['CALL', 'BEGIN', 'EXECUTE'].includes(leadingWords(sql, 1)[0] ?? '');
  return !runsOthers && (await schemaFingerprint(work.connection, work.database)) === before;
}
