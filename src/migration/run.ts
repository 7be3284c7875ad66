/**
 * Applies a set of migrations to a database: takes the locks, asks the plan, finds out on a shadow what it
 * will do, carries it out. It can be ended anywhere, and called again: every statement is applied once.
 */

import type { RowDataPacket } from 'mysql2/promise';
import { OperationError, UserError } from '../app/failure.ts';
import { unclearBackslashes } from './backslashes.ts';
import {
  connect,
  disconnect,
  readSession,
  restoreSession,
  stopStatement,
  type SessionSettings,
  type Target,
} from './connect.ts';
import { Expectations } from './expectations.ts';
import { schemaFingerprint } from './fingerprint.ts';
import { Journal } from './journal.ts';
import type { HeldLease } from './lease.ts';
import { foreseePlan, lookAndPlan, pendingSteps, type Site } from './look.ts';
import { holdLocks, type LockWishes } from './locks.ts';
import { MigrationRefused } from './migration-failure.ts';
import type { MigrationFile, MigrationSet } from './migration-set.ts';
import { fileStatuses, type PlannedFile } from './plan.ts';
import { OwnCommits } from './own-commits.ts';
import type { ReportProgress } from './progress.ts';
import type { LiveSchema } from './recovery.ts';
import { contractWarning, divideByContract, type Division, type ReleasePhase } from './release-phase.ts';
import { leavesSettings, runFile, type AppliedFile, type Given } from './run-file.ts';
import type { Workplace } from './run-statement.ts';
import type { Foresight, ForeseenSteps, ShadowSettings } from './shadow/foresight.ts';
import { explained } from './statement-error.ts';
import { tagged } from './statement-tag.ts';
import { readTableSizes, smallBytes } from './table-sizes.ts';
import { requireOwnHistory } from './take-over/foreign-obstacle.ts';

export interface RunOptions {
  /** The migrator's URL of the database; see connection-url.ts. */
  readonly url: string;
  readonly set: MigrationSet;
  /** Ends the statement that is running; what it did is undone or found by the next run. */
  readonly signal: AbortSignal;
  readonly progress: ReportProgress;
  /** What of the set; without it everything, in order, and it is told what a contract means. */
  readonly phase?: ReleasePhase;
  /** Where a shadow may be made; without it an interrupted statement is judged by its words. */
  readonly shadow?: ShadowSettings;
  /** How long to wait for another migrator, in ms. */
  readonly lockWaitMs?: number;
  /** After how long without a sign of life of its holder the lease is taken over, in ms. */
  readonly leaseLifeMs?: number;
  /** How long the application may block one statement, in ms. */
  readonly blockedMs?: number;
  /** Larger tables are only copied where the file allows it. */
  readonly largeBytes?: number;
  /** URLs of replicas that a backfill must not leave behind. */
  readonly replicas?: readonly string[];
}

/** What one run has done. */
export interface MigrationReport {
  /** The files whose last statement was applied by this run. */
  readonly applied: readonly AppliedFile[];
  /** How many files of the set had been applied before. */
  readonly before: number;
  /** Names of the files that wait until no instance of an older version is left; of the phase `expand`. */
  readonly later: readonly string[];
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
  const startedAt = performance.now();
  const { applied, later } = await withTarget(options, (target) => migrate(target, options));
  const before = options.set.files.length - applied.length - later.length;
  return {
    applied,
    before,
    later: later.map(({ file }) => file),
    durationMs: performance.now() - startedAt,
  };
}

/** Connects for `work`; the signal ends the statement that runs. */
export async function withTarget<Result>(
  { url, signal }: Pick<RunOptions, 'url' | 'signal'>,
  work: (target: Target) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const target = await connect(url);
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping = stopStatement(url, target);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await work(target);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UserError || error instanceof OperationError) throw error;
    throw new OperationError(`the migrations of ${target.database} were stopped: ${explained(error)}`, {
      cause: error,
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await stopping;
    await disconnect(target);
  }
}

/** How long and with whom to wait for the locks. */
export function lockWishes(options: Omit<RunOptions, 'set'>): LockWishes {
  const { url, signal, progress, lockWaitMs = defaultLockWaitMs, leaseLifeMs } = options;
  return { url, signal, progress, waitMs: lockWaitMs, ...(leaseLifeMs === undefined ? {} : { leaseLifeMs }) };
}

interface Done {
  readonly applied: readonly AppliedFile[];
  readonly later: readonly MigrationFile[];
}

async function migrate(target: Target, options: RunOptions): Promise<Done> {
  const { connection, database } = target;
  const session = await readSession(connection);
  await restoreSession(connection, session);
  const site: Site = { connection, database, journal: new Journal(connection, database) };
  await using locks = await holdLocks(target, lockWishes(options));
  const { now: pending, later } = await requireFitting(site, options);
  if (pending.length === 0) return { applied: [], later };
  requireClearText(pending, session);
  await requirePacketSize(target, pending);
  await site.journal.prepare();
  const lease = await locks.takeLease();
  await site.journal.takeOver(lease);
  return {
    applied: await applyPending(site, { options, session, lease, later, isCluster: locks.isCluster }),
    later,
  };
}

interface Run {
  readonly options: RunOptions;
  readonly session: SessionSettings;
  readonly lease: HeldLease;
  /** What is left for another phase. */
  readonly later: readonly MigrationFile[];
  readonly isCluster: boolean;
}

/** To be called with both locks. */
async function applyPending(site: Site, run: Run): Promise<AppliedFile[]> {
  const { options, session, later } = run;
  const { signal, progress, shadow } = options;
  const { plan, live } = await lookAndPlan(site, options.set);
  if (plan.kind === 'refused') throw new MigrationRefused(plan.problems);
  const due = plan.files.filter(({ file }) => !later.includes(file));
  const set = { ...options.set, files: options.set.files.filter((file) => !later.includes(file)) };
  const foresight = shadow && (await foreseePlan({ site, set, session, shadow, planned: due, live, signal }));
  const note = foresight && noteOf(foresight);
  if (note !== undefined) progress({ kind: 'note', text: note });
  const steps = foresight?.kind === 'known' ? foresight.steps : undefined;
  const expected = new Expectations(pendingSteps(due), steps);
  try {
    const work = await workplace(site, run, live);
    const applied = await runFiles(work, due, { settings: session, expected });
    await tellSurprise(work, due, expected);
    await tellUnfinished(work, steps);
    return applied;
  } catch (error) {
    await steps?.abandon();
    throw error;
  }
}

/** What the shadow has told is kept when it has come to its end. */
async function tellUnfinished({ progress }: Workplace, steps: ForeseenSteps | undefined): Promise<void> {
  const reason = await steps?.finish();
  if (reason !== undefined) progress({ kind: 'note', text: `the shadow did not come to the end: ${reason}` });
}

async function workplace(
  site: Site,
  { options, lease, isCluster }: Run,
  { notTransactional }: LiveSchema,
): Promise<Workplace> {
  const { signal, progress, blockedMs = defaultBlockedMs, largeBytes = smallBytes, replicas = [] } = options;
  const large = { sizes: await readTableSizes(site.connection, site.database), fromBytes: largeBytes };
  const hasLarge = [...large.sizes.values()].some(({ bytes }) => bytes > largeBytes);
  const ownCommits = new OwnCommits({ isCluster, notTransactional, hasLarge });
  return { ...site, lease, progress, signal, blockedMs, large, ownCommits, replicas };
}

async function runFiles(
  work: Workplace,
  planned: readonly PlannedFile[],
  given: Omit<Given, 'isSetUp'>,
): Promise<AppliedFile[]> {
  const applied: AppliedFile[] = [];
  try {
    let isSetUp = false;
    for (const file of planned) {
      applied.push(await runFile(work, file, { ...given, isSetUp }));
      isSetUp = leavesSettings(file, given.expected);
    }
    await work.journal.tell(work.lease);
    return applied;
  } catch (error) {
    await tellRest(work);
    throw error;
  }
}

/** Leaves a journal that is complete, where that is still possible: otherwise the schema tells the next run. */
async function tellRest({ connection, journal, lease }: Workplace): Promise<void> {
  try {
    // A statement that was not sent any more may have left its transaction open.
    await connection.query('ROLLBACK');
    await journal.tell(lease);
  } catch {
    // The connection or the lease is lost.
  }
}

/** What is worth knowing before the statements run. */
function noteOf(foresight: Foresight): string | undefined {
  if (foresight.kind === 'unknown')
    return `without a shadow (${foresight.reason}): an interrupted statement will be judged by its words`;
  if (foresight.drift.length === 0) return undefined;
  const names = foresight.drift.map(({ object }) => object).join(', ');
  return `the schema is not what the files lead to: ${names}`;
}

/** A run that leaves another schema than on the shadow went well, but something is different here. */
async function tellSurprise(
  { connection, database, progress }: Workplace,
  planned: readonly PlannedFile[],
  expected: Expectations,
): Promise<void> {
  const last = pendingSteps(planned).at(-1);
  const after = last && expected.known(last.statement)?.after;
  if (after === undefined || (await schemaFingerprint(connection, database)) === after) return;
  progress({
    kind: 'note',
    text: 'all is applied, but the schema is not as it was on the shadow: holdfast migrate verify shows where',
  });
}

/** The files that are not applied, by when they are due. Throws when what has been applied is not what the files say. */
async function requireFitting(
  site: Site,
  { set, phase, progress }: RunOptions,
): Promise<Division<MigrationFile>> {
  const rows = await site.journal.rows();
  await requireOwnHistory(site, set, rows);
  const statuses = fileStatuses(set, rows);
  if (statuses.some(({ state }) => state === 'changed' || state === 'missing')) {
    const { plan } = await lookAndPlan(site, set);
    if (plan.kind === 'refused') throw new MigrationRefused(plan.problems);
  }
  const applied = new Set(statuses.filter(({ state }) => state === 'applied').map(({ version }) => version));
  const pending = set.files.filter(({ version }) => !applied.has(version));
  if (phase === 'expand') return requireReachable(pending);
  const warning = phase === undefined && applied.size > 0 ? contractWarning(pending) : undefined;
  if (warning !== undefined) progress({ kind: 'note', text: warning });
  return { now: pending, later: [] };
}

/** Versions are applied in order: one behind a contract can't come before it. */
function requireReachable(pending: readonly MigrationFile[]): Division<MigrationFile> {
  const division = divideByContract(pending, (file) => file);
  if (division.problem !== undefined) throw new MigrationRefused([division.problem]);
  return division;
}

/** A statement that the server would read otherwise than it was split has to say how it is meant. */
function requireClearText(files: readonly MigrationFile[], session: SessionSettings): void {
  const problems = unclearBackslashes(files, String(session['sql_mode']));
  if (problems.length > 0) throw new MigrationRefused(problems);
}

/** A statement that the server would not take is better found before the first one has run. */
async function requirePacketSize({ connection }: Target, files: readonly MigrationFile[]): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>('SELECT @@max_allowed_packet AS bytes');
  const bytes = Number(rows[0]?.['bytes']);
  for (const file of files) {
    const tooLong = file.statements.find(({ sql }) => Buffer.byteLength(tagged(sql)) >= bytes);
    if (!tooLong) continue;
    throw new UserError(
      `${file.file}:${tooLong.line}: statement ${tooLong.index} is longer than the ${bytes} bytes that the server takes: ` +
        'split it, or raise max_allowed_packet',
    );
  }
}
