/**
 * Applies a set of migrations to a database: takes the lock, asks the plan, carries it out. It can be ended
 * anywhere, and called again: every statement is applied once.
 */

import type { RowDataPacket } from 'mysql2/promise';
import { OperationError, UserError } from '../app/failure.ts';
import {
  connect,
  disconnect,
  readSession,
  reasonOf,
  restoreSession,
  stopStatement,
  type SessionSettings,
  type Target,
} from './connect.ts';
import { notTransactionalTables, schemaFingerprint } from './fingerprint.ts';
import { Journal } from './journal.ts';
import { takeLock } from './lock.ts';
import { MigrationRefused } from './migration-failure.ts';
import type { MigrationFile, MigrationSet } from './migration-set.ts';
import { planMigrations, type PlannedFile } from './plan.ts';
import type { ReportProgress } from './progress.ts';
import { runStatement, type Workplace } from './run-statement.ts';

export interface RunOptions {
  /** The migrator's URL of the database; see connection-url.ts. */
  readonly url: string;
  readonly set: MigrationSet;
  /** Ends the statement that is running; what it did is undone or found by the next run. */
  readonly signal: AbortSignal;
  readonly progress: ReportProgress;
  /** How long to wait for another migrator, in ms. */
  readonly lockWaitMs?: number;
  /** How long the application may block one statement, in ms. */
  readonly blockedMs?: number;
}

/** What one run has done. */
export interface MigrationReport {
  /** The files whose last statement was applied by this run. */
  readonly applied: readonly {
    readonly version: string;
    readonly file: string;
    readonly durationMs: number;
  }[];
  /** How many files of the set had been applied before. */
  readonly before: number;
  readonly durationMs: number;
}

const defaultLockWaitMs = 10 * 60_000;
const defaultBlockedMs = 5 * 60_000;

/**
 * Brings the database of `url` to the state of `set`. Throws `MigrationRefused` when journal and files don't
 * fit together, `MigrationFailure` when the server refuses a statement, `UserError` and `OperationError` for
 * what is wrong with the URL, the server, its rights or the connection.
 */
export async function runMigrations(options: RunOptions): Promise<MigrationReport> {
  const { url, signal } = options;
  signal.throwIfAborted();
  const startedAt = performance.now();
  const target = await connect(url);
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping = stopStatement(url, target);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const applied = await migrate(target, options);
    const before = options.set.files.length - applied.length;
    return { applied, before, durationMs: performance.now() - startedAt };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UserError || error instanceof OperationError) throw error;
    throw new OperationError(`the migrations of ${target.database} were stopped: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await stopping;
    await disconnect(target);
  }
}

async function migrate(target: Target, options: RunOptions): Promise<MigrationReport['applied']> {
  const { connection, database } = target;
  const { set, signal, progress } = options;
  await requirePlainServer(target);
  const session = await readSession(connection);
  await restoreSession(connection, session);
  await takeLock(connection, {
    database,
    waitMs: options.lockWaitMs ?? defaultLockWaitMs,
    signal,
    waiting: (holder) => {
      progress(holder ? { kind: 'waiting', holder } : { kind: 'waiting' });
    },
  });
  const journal = new Journal(connection, database);
  const blockedMs = options.blockedMs ?? defaultBlockedMs;
  const work: Workplace = { connection, database, journal, progress, signal, blockedMs };
  const plan = planMigrations(set, await journal.rows(), {
    fingerprint: await schemaFingerprint(connection, database),
    notTransactional: await notTransactionalTables(connection, database),
  });
  if (plan.kind === 'refused') throw new MigrationRefused(plan.problems);
  await requirePacketSize(target, plan.files);
  if (plan.files.length > 0) await journal.prepare();
  const applied = [];
  for (const planned of plan.files) applied.push(await runFile(work, planned, session));
  return applied;
}

async function runFile(
  work: Workplace,
  { file, from, session, recovery }: PlannedFile,
  settings: SessionSettings,
): Promise<MigrationReport['applied'][number]> {
  const startedAt = performance.now();
  let next = from;
  if (recovery) report(work, file, from, { kind: 'recovered', outcome: recovery.kind });
  const interrupted = file.statements[from - 1];
  if (recovery?.kind === 'applied' && interrupted) {
    await work.journal.applied({ file, statement: interrupted });
    next += 1;
  }
  await work.journal.adopt(file);
  await restoreSession(work.connection, settings);
  for (const { sql } of session) await work.connection.query(sql);
  for (const statement of file.statements.slice(next - 1)) {
    report(work, file, statement.index, { kind: 'statement', statements: file.statements.length });
    await runStatement(work, { file, statement });
  }
  const done = { version: file.version, file: file.file, durationMs: performance.now() - startedAt };
  work.progress({ kind: 'applied', ...done });
  return done;
}

type Outcome =
  | { readonly kind: 'statement'; readonly statements: number }
  | { readonly kind: 'recovered'; readonly outcome: 'applied' | 'not-applied' };

function report(work: Workplace, file: MigrationFile, index: number, outcome: Outcome): void {
  const line = file.statements[index - 1]?.line ?? 1;
  work.progress({ version: file.version, file: file.file, statement: index, line, ...outcome });
}

/** On Galera a lock of one node is none. */
async function requirePlainServer({ connection }: Target): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'");
  if (rows[0]?.['Value'] === 'ON') {
    throw new UserError('the database is a Galera cluster: migrating one is not built yet');
  }
}

/** A statement that the server would not take is better found before the first one has run. */
async function requirePacketSize({ connection }: Target, planned: readonly PlannedFile[]): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>('SELECT @@max_allowed_packet AS bytes');
  const bytes = Number(rows[0]?.['bytes']);
  for (const { file, from } of planned) {
    const tooLong = file.statements.slice(from - 1).find(({ sql }) => Buffer.byteLength(sql) >= bytes);
    if (!tooLong) continue;
    throw new UserError(
      `${file.file}:${tooLong.line}: statement ${tooLong.index} is longer than the ${bytes} bytes that the server takes: ` +
        'split it, or raise max_allowed_packet',
    );
  }
}
