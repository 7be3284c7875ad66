/**
 * Decides what is to be done with a set of migrations, given what the journal says. Pure. What has been
 * applied is never run again, and nothing is run unless everything below it is applied unchanged.
 */

import type { JournalRow } from './journal.ts';
import { compareVersions, type MigrationFile, type MigrationSet, type Statement } from './migration-set.ts';
import { interruptedStatement, sessionBefore, type LiveSchema, type Recovery } from './recovery.ts';

/** What is the matter with one file of the set, or with one version that only the journal has. */
export type FileState =
  | 'applied'
  | 'pending'
  /** One of its statements failed; the ones before it are applied. */
  | 'failed'
  /** It was begun and not finished: it is running now, or whoever ran it was ended. */
  | 'unfinished'
  /** What was applied is not what the file says now. */
  | 'changed'
  /** Applied, but there is no such file although there are later ones; or not applied although later ones are. */
  | 'missing'
  /** Applied and later than every file: the database belongs to a newer version of the application. */
  | 'ahead';

export interface FileStatus {
  readonly version: string;
  readonly name: string;
  /** None when only the journal knows it. */
  readonly file?: string;
  readonly state: FileState;
  /** How many of its statements are applied. */
  readonly applied: number;
  /** What is wrong, in one sentence; for every state but applied, pending, unfinished and ahead. */
  readonly problem?: string;
}

export interface PlannedFile {
  readonly file: MigrationFile;
  /** Index of the first statement that is not applied, from 1. */
  readonly from: number;
  /** Earlier statements of the file that only set the connection up, to be repeated first. */
  readonly session: readonly Statement[];
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
    const running = rows.find((row) => row.version === version && row.state === 'running');
    const step = planFile(file, applied + 1, running && interruptedStatement(file, running, live));
    if (typeof step === 'string') problems.push(step);
    else planned.push(step);
  }
  return problems.length > 0 ? { kind: 'refused', problems } : { kind: 'run', files: planned };
}

/** The file's part of the plan, or why it can't go on. */
function planFile(file: MigrationFile, from: number, recovery: Recovery | undefined): PlannedFile | string {
  if (recovery?.kind === 'unclear') return recovery.reason;
  const session = sessionBefore(file, recovery?.kind === 'applied' ? from + 1 : from);
  if (session.kind === 'lost') return session.reason;
  return { file, from, session: session.statements, ...(recovery ? { recovery } : {}) };
}

/** The state of every file of the set and every version of the journal, by rising version. */
export function fileStatuses(set: MigrationSet, rows: readonly JournalRow[]): FileStatus[] {
  const journal = Map.groupBy(rows, ({ version }) => version);
  const last = set.files.at(-1)?.version;
  const applied = [...journal.keys()].toSorted(compareVersions);
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
  const status = (state: FileState, problem?: string): FileStatus => ({
    version: file.version,
    name: file.name,
    file: file.file,
    state,
    applied: applied.length,
    ...(problem === undefined ? {} : { problem }),
  });
  if (rows.length === 0) return notApplied(file, latestApplied, status);
  const difference = firstDifference(file, rows);
  if (difference !== undefined) return status('changed', difference);
  const failed = rows.find(({ state }) => state === 'failed');
  if (failed) return status('failed', failureText(file, failed));
  return status(isComplete(rows) ? 'applied' : 'unfinished');
}

function notApplied(
  file: MigrationFile,
  latestApplied: string | undefined,
  status: (state: FileState, problem?: string) => FileStatus,
): FileStatus {
  if (latestApplied === undefined || compareVersions(file.version, latestApplied) > 0)
    return status('pending');
  return status(
    'missing',
    `${file.file} has not been applied, but the later version ${latestApplied} has: give it a higher version`,
  );
}

function unknownVersion(version: string, rows: readonly JournalRow[], last: string | undefined): FileStatus {
  const name = rows[0]?.name ?? '';
  const applied = rows.filter(({ state }) => state === 'applied').length;
  if (last === undefined || compareVersions(version, last) > 0) {
    return { version, name, state: 'ahead', applied };
  }
  const problem = `V${version}__${name}.sql has been applied, but is no longer in the folder: put it back`;
  return { version, name, state: 'missing', applied, problem };
}

function isComplete(rows: readonly JournalRow[]): boolean {
  return rows.every(({ state, statements }) => state === 'applied' && statements === rows.length);
}

/** Where the file differs from what was applied. Statements that are not applied yet may differ. */
function firstDifference(file: MigrationFile, rows: readonly JournalRow[]): string | undefined {
  const applied = rows.filter(({ state }) => state === 'applied');
  for (const row of applied) {
    const statement = file.statements[row.statement - 1];
    if (statement?.hash === row.hash) continue;
    const place = statement ? `${file.file}:${statement.line}` : file.file;
    const what = statement ? 'differs from' : 'is missing, but';
    const rest = statement ? 'what has been applied' : 'has been applied';
    return `${place}: statement ${row.statement} ${what} ${rest}: put it back, and change the schema in a new file`;
  }
  if (!isComplete(rows) || rows.every(({ checksum }) => checksum === file.checksum)) return undefined;
  const added = file.statements[applied.length];
  return added
    ? `${file.file}:${added.line}: statement ${added.index} was added after the file had been applied: move it to a new file`
    : `${file.file}: was edited after it had been applied (only comments or delimiters): put it back as it was`;
}

function failureText(file: MigrationFile, row: JournalRow): string {
  const statement = file.statements[row.statement - 1];
  const place = statement ? `${file.file}:${statement.line}` : file.file;
  return `${place}: statement ${row.statement} failed: ${row.error ?? 'no reason is known'}`;
}
