/**
 * Decides what is to be done with a set of migrations, given what the journal says. Pure. What has been
 * applied is never run again, and nothing is run unless everything below it is applied unchanged.
 */

import { backfillStatus, isProgressOf, type BackfillStatus } from './backfill/chunk-progress.ts';
import type { JournalRow } from './journal-row.ts';
import {
  compareVersions,
  isRepeatableVersion,
  type MigrationFile,
  type MigrationSet,
  type Phase,
  type Statement,
} from './migration-set.ts';
import { closedWayText } from './release-phase.ts';
import { interruptedStatement, sessionBefore, type LiveSchema, type Recovery } from './recovery.ts';

/** What is the matter with one file of the set, or with one version that only the journal has. */
export type FileState =
  | 'applied'
  /** Not applied, or not to its end: what failed in it has been edited since. */
  | 'pending'
  /** One of its statements failed; the ones before it are applied. */
  | 'failed'
  /** It was begun and not finished: it is running now, or whoever ran it was ended. */
  | 'unfinished'
  /** What was applied is not what the file says now. */
  | 'changed'
  /**
   * Applied, but there is no such file although there are later ones, or it was a contract, which has taken away what
   * this version needs; or not applied although later ones are.
   */
  | 'missing'
  /** Applied and later than every file: the database belongs to a newer version of the application. */
  | 'ahead';

export interface FileStatus {
  readonly version: string;
  readonly name: string;
  /** None when only the journal knows it. */
  readonly file?: string;
  /** Likewise. */
  readonly phase?: Phase;
  readonly state: FileState;
  /** How many of its statements are applied. */
  readonly applied: number;
  /** The first applied statement that is not what the file has there now, for the state changed. */
  readonly differs?: number;
  /** How far it is, for a backfill that has begun. */
  readonly backfill?: BackfillStatus;
  /** What is wrong, in one sentence; for every state but applied, pending, unfinished and ahead. */
  readonly problem?: string;
}

export interface PlannedFile {
  readonly file: MigrationFile;
  /** Index of the first statement that is not applied, from 1. */
  readonly from: number;
  /** Earlier statements of the file that only set the connection up, to be repeated first. */
  readonly session: readonly Statement[];
  /** A repeatable file that was applied with another content: what the journal knows of it is forgotten. */
  readonly again?: true;
  /** The journal has rows of it. */
  readonly journaled?: true;
  /** What has happened to that statement when it was begun before. */
  readonly recovery?: Exclude<Recovery, { kind: 'unclear' }>;
}

export type MigrationPlan =
  /** An empty list: everything is applied. */
  | { readonly kind: 'run'; readonly files: readonly PlannedFile[] }
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

/** What is to be run on a schema that is `live`, or every reason why nothing may be. */
export function planMigrations(
  set: MigrationSet,
  rows: readonly JournalRow[],
  live: LiveSchema,
): MigrationPlan {
  const statuses = fileStatuses(set, rows);
  const problems = statuses
    .filter(({ state }) => state === 'changed' || state === 'missing')
    .map(({ problem }) => problem ?? '');
  const planned: PlannedFile[] = [];
  for (const { version, state, applied } of statuses) {
    const file = set.files.find((file) => file.version === version);
    if (!file || state === 'applied') continue;
    const step = planFile(file, applied, { rows, live });
    if (typeof step === 'string') problems.push(step);
    else planned.push(step);
  }
  return problems.length > 0 ? { kind: 'refused', problems } : { kind: 'run', files: planned };
}

/** The first statement of the journal that was begun and not finished. */
export function runningRow(rows: readonly JournalRow[]): JournalRow | undefined {
  return rows.find(({ state }) => state === 'running');
}

interface Observed {
  readonly rows: readonly JournalRow[];
  readonly live: LiveSchema;
}

/** The file's part of the plan, or why it can't go on. */
function planFile(file: MigrationFile, applied: number, { rows, live }: Observed): PlannedFile | string {
  if (file.kind === 'repeatable') return { file, from: 1, session: [], again: true };
  const own = rows.filter(({ version }) => version === file.version);
  const running = runningRow(own);
  const recovery = running && interruptedStatement(file, running, live);
  if (recovery?.kind === 'unclear') return recovery.reason;
  const edited = editedBackfill(file, own);
  if (edited !== undefined) return edited;
  const planned = goOn(file, applied + 1, recovery);
  return typeof planned === 'string' || own.length === 0 ? planned : { ...planned, journaled: true };
}

/** Why a backfill can't go on: its chunks so far were changed by another statement, or of other keys. */
function editedBackfill(
  { file, backfill, statements }: MigrationFile,
  rows: readonly JournalRow[],
): string | undefined {
  const row = rows.find(({ state, chunks }) => state !== 'applied' && chunks !== undefined);
  const statement = statements[(row?.statement ?? 0) - 1];
  if (!row?.chunks || !statement || statement.repeatable) return undefined;
  if (backfill && isProgressOf(row.chunks, statement, backfill)) return undefined;
  return (
    `${file}:${statement.line}: statement ${statement.index} has been run for ${row.chunks.rows} rows and was edited since, ` +
    'or its mark was: put it back as it was; or mark it "-- holdfast: repeatable" to begin with the first row again'
  );
}

/** The file from one of its statements on, with what that needs of those before it. */
function goOn(file: MigrationFile, from: number, recovery: PlannedFile['recovery']): PlannedFile | string {
  const session = sessionBefore(file, recovery?.kind === 'applied' ? from + 1 : from);
  if (session.kind === 'lost') return session.reason;
  return { file, from, session: session.statements, ...(recovery ? { recovery } : {}) };
}

/** The state of every file of the set and every version of the journal, by rising version. */
export function fileStatuses(set: MigrationSet, rows: readonly JournalRow[]): FileStatus[] {
  const journal = Map.groupBy(rows, ({ version }) => version);
  const last = set.files.findLast(({ kind }) => kind === 'versioned')?.version;
  const applied = [...journal.keys()]
    .filter((version) => !isRepeatableVersion(version))
    .toSorted(compareVersions);
  const latestApplied = applied.at(-1);
  const known = new Set(set.files.map(({ version }) => version));
  const statuses = set.files.map((file) => fileStatus(file, journal.get(file.version) ?? [], latestApplied));
  const others = applied
    .filter((version) => !known.has(version))
    .map((version) => unknownVersion(version, journal.get(version) ?? [], last));
  return [...statuses, ...others].toSorted((a, b) => compareVersions(a.version, b.version));
}

function fileStatus(
  file: MigrationFile,
  rows: readonly JournalRow[],
  latestApplied: string | undefined,
): FileStatus {
  const applied = rows.filter(({ state }) => state === 'applied');
  const chunks = rows.find(({ state, chunks }) => state !== 'applied' && chunks !== undefined)?.chunks;
  const status = (state: FileState, problem?: string): FileStatus => ({
    version: file.version,
    name: file.name,
    file: file.file,
    phase: file.phase,
    state,
    applied: applied.length,
    ...(chunks ? { backfill: backfillStatus(chunks) } : {}),
    ...(problem === undefined ? {} : { problem }),
  });
  if (rows.length === 0) return notApplied(file, latestApplied, status);
  if (file.kind === 'repeatable') {
    if (rows.some(({ checksum }) => checksum !== file.checksum)) return status('pending');
  } else {
    const difference = firstDifference(file, rows);
    if (difference !== undefined)
      return {
        ...status('changed', difference.problem),
        ...(difference.row ? { differs: difference.row } : {}),
      };
  }
  const failed = rows.find(({ state }) => state === 'failed');
  if (failed) return isEdited(file, failed) ? status('pending') : status('failed', failureText(file, failed));
  return status(isComplete(rows) ? 'applied' : 'unfinished');
}

/** What failed was another statement than the one that stands there now: that one has not been tried. */
function isEdited(file: MigrationFile, failed: JournalRow): boolean {
  return file.statements[failed.statement - 1]?.hash !== failed.hash;
}

function notApplied(
  file: MigrationFile,
  latestApplied: string | undefined,
  status: (state: FileState, problem?: string) => FileStatus,
): FileStatus {
  const isLate = file.kind === 'versioned' && latestApplied !== undefined;
  if (!isLate || compareVersions(file.version, latestApplied) > 0) return status('pending');
  return status(
    'missing',
    `${file.file} has not been applied, but the later version ${latestApplied} has: give it a higher version`,
  );
}

function unknownVersion(version: string, rows: readonly JournalRow[], last: string | undefined): FileStatus {
  const name = rows[0]?.name ?? '';
  const applied = rows.filter(({ state }) => state === 'applied').length;
  const file = `V${version}__${name}.sql`;
  if (last === undefined || compareVersions(version, last) > 0) {
    const hasTakenAway = rows.some(({ isContract, state }) => isContract === true && state !== 'failed');
    if (!hasTakenAway) return { version, name, state: 'ahead', applied };
    return { version, name, state: 'missing', applied, problem: closedWayText(file) };
  }
  const problem = `${file} has been applied, but is no longer in the folder: put it back`;
  return { version, name, state: 'missing', applied, problem };
}

function isComplete(rows: readonly JournalRow[]): boolean {
  return rows.every(({ state, statements }) => state === 'applied' && statements === rows.length);
}

interface Difference {
  readonly problem: string;
  /** The statement of the journal that differs; none when only comments do or a statement was added. */
  readonly row?: number;
}

/** Where the file differs from what was applied. Statements that are not applied yet may differ. */
function firstDifference(file: MigrationFile, rows: readonly JournalRow[]): Difference | undefined {
  const applied = rows.filter(({ state }) => state === 'applied');
  for (const row of applied) {
    const statement = file.statements[row.statement - 1];
    if (statement?.hash === row.hash) continue;
    const place = statement ? `${file.file}:${statement.line}` : file.file;
    const what = statement ? 'differs from' : 'is missing, but';
    const rest = statement ? 'what has been applied' : 'has been applied';
    const advice = 'put it back, and change the schema in a new file';
    return { problem: `${place}: statement ${row.statement} ${what} ${rest}: ${advice}`, row: row.statement };
  }
  if (!isComplete(rows) || rows.every(({ checksum }) => checksum === file.checksum)) return undefined;
  const added = file.statements[applied.length];
  const problem = added
    ? `${file.file}:${added.line}: statement ${added.index} was added after the file had been applied: move it to a new file`
    : `${file.file}: was edited after it had been applied (only comments or delimiters): put it back as it was`;
  return { problem };
}

function failureText(file: MigrationFile, row: JournalRow): string {
  const statement = file.statements[row.statement - 1];
  const place = statement ? `${file.file}:${statement.line}` : file.file;
  return `${place}: statement ${row.statement} failed: ${row.error ?? 'no reason is known'}`;
}
