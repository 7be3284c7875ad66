/**
 * Lints the files of a set that are still to be applied, on a shadow that has the schema before them: from the
 * history of the set, or copied from the live database where the history leads elsewhere. The live database is
 * only read.
 */

import type { Connection } from 'mysql2/promise';
import { OperationError, UserError } from '../../app/failure.ts';
import { readSession, reasonOf, restoreSession, type SessionSettings } from '../connect.ts';
import { fingerprintOf, readSchema } from '../fingerprint.ts';
import { Journal } from '../journal.ts';
import { appliedSteps, lookAndPlan, pendingSteps } from '../look.ts';
import { MigrationRefused } from '../migration-failure.ts';
import { compareVersions, type MigrationSet } from '../migration-set.ts';
import { quoted } from '../own-tables.ts';
import { withTarget } from '../run.ts';
import type { ShadowSettings } from '../shadow/foresight.ts';
import { readLiveSettings, type LiveSettings } from '../shadow/live-settings.ts';
import type { Step } from '../shadow/rehearsal.ts';
import { dumpSchema, loadSchema, type DumpedObject } from '../shadow/schema-dump.ts';
import { startShadow } from '../shadow/shadow-server.ts';
import { observeBaseline, type Baseline } from './baseline.ts';
import type { Finding } from './finding.ts';
import { fillEmptyTables } from './made-up-rows.ts';
import { openConnections, type Connections } from './lint-place.ts';
import { lintSteps } from './lint-steps.ts';
import { readTableSizes, type TableSizes } from '../table-sizes.ts';
import { nameOf, type RecordedRows, type Recording } from './recording.ts';
import { requireKnownRules } from './rules.ts';
import { standaloneSettings } from './standalone-settings.ts';

export interface LintOptions {
  readonly set: MigrationSet;
  readonly shadow: ShadowSettings;
  /** What the running version sends; without it only locks are looked at. */
  readonly recording?: Recording;
  /** The live database; see connection-url.ts. */
  readonly url?: string;
  /** Without a live database: the version up to which files count as applied. */
  readonly from?: string;
  readonly signal: AbortSignal;
}

export interface LintReport {
  /** In the order of the statements. */
  readonly findings: readonly Finding[];
  /** What could not be checked, in sentences. */
  readonly unchecked: readonly string[];
  /** How many statements were looked at. */
  readonly statements: number;
}

/** What is to be linted, and where it begins. */
interface Situation {
  readonly live: LiveSettings;
  readonly applied: readonly Step[];
  readonly pending: readonly Step[];
  readonly sizes?: TableSizes;
  readonly session?: SessionSettings;
  /** The live schema, for where the history leads elsewhere. */
  readonly schema?: { readonly fingerprint: string; readonly objects: readonly DumpedObject[] };
}

/**
 * Throws `UserError` for an allowance of no rule, a set that is refused and where mariadbd is missing,
 * `OperationError` when the shadow or the live database fails.
 */
export async function lintMigrations(options: LintOptions): Promise<LintReport> {
  requireKnownRules(options.set);
  const { url, signal } = options;
  const situation =
    url === undefined
      ? await fromFiles(options)
      : await withTarget({ url, signal }, ({ connection, database }) =>
          fromDatabase(connection, database, options),
        );
  return lintOnShadow(options, situation);
}

async function fromFiles({ set, from, shadow, recording }: LintOptions): Promise<Situation> {
  if (from === undefined && recording !== undefined)
    throw new UserError(
      'a recording is tried on the schema that the running version has: name the database in DATABASE_URL, or the last applied version with --from',
    );
  if (from !== undefined && !set.files.some(({ version }) => version === from))
    throw new UserError(`--from ${from}: no file in ${set.folder} has this version`);
  const isApplied = ({ file }: Step): boolean =>
    from !== undefined && compareVersions(file.version, from) <= 0;
  const steps = set.files.flatMap((file) => file.statements.map((statement) => ({ file, statement })));
  return {
    live: await standaloneSettings(shadow.searchPath),
    applied: steps.filter(isApplied),
    pending: steps.filter((step) => !isApplied(step)),
  };
}

async function fromDatabase(
  connection: Connection,
  database: string,
  { set }: LintOptions,
): Promise<Situation> {
  const { plan, live } = await lookAndPlan(
    { connection, database, journal: new Journal(connection, database) },
    set,
  );
  if (plan.kind === 'refused') throw new MigrationRefused(plan.problems);
  return {
    live: await readLiveSettings(connection, database),
    applied: appliedSteps(set, plan.files),
    pending: pendingSteps(plan.files),
    sizes: await readTableSizes(connection, database),
    session: await readSession(connection),
    schema: { fingerprint: live.fingerprint, objects: await dumpSchema(connection, database) },
  };
}

async function lintOnShadow(options: LintOptions, situation: Situation): Promise<LintReport> {
  const statements = situation.pending.length;
  if (statements === 0) return { findings: [], unchecked: [], statements };
  const { report, filled } = await lintOnce(options, situation, true);
  const [failed] = report.findings.filter(({ rule }) => rule === 'fails');
  if (!failed || filled.length === 0) return report;
  // What fails may fail because of rows that nobody has.
  const { report: again } = await lintOnce(options, situation, false);
  const place = `${failed.file}:${failed.line}`;
  const open = `what made-up rows in tables without any would show: with them ${place} fails (${failed.message})`;
  return again.findings.some(({ rule }) => rule === 'fails')
    ? again
    : { ...again, unchecked: [...again.unchecked, open] };
}

/** `filled`: the tables without rows that were given some, if that is wished. */
async function lintOnce(
  options: LintOptions,
  situation: Situation,
  isFilled: boolean,
): Promise<{ readonly report: LintReport; readonly filled: readonly string[] }> {
  const { signal, shadow: where, recording } = options;
  const { live, pending, sizes } = situation;
  await using shadow = await startShadow({ ...where, live, signal });
  const session = situation.session ?? (await readSession(await shadow.connect()));
  const connections = await openConnections(shadow, session);
  const copied = await makeSchema(connections, situation, session);
  await insertRows(connections.application, recording?.rows ?? []);
  const filled = recording && isFilled ? await fillEmptyTables(connections.application, live.database) : [];
  const baseline = await observeBaseline(
    connections.application,
    { database: live.database, signal },
    recording?.statements ?? [],
  );
  const place = { ...connections, database: live.database, session, signal, ...(sizes ? { sizes } : {}) };
  const findings = await lintSteps(place, pending, baseline);
  const unchecked = [...copied, ...notChecked(recording, baseline)];
  if (findings.some(({ rule }) => rule === 'fails'))
    unchecked.push('what comes after the statement that fails');
  return { report: { findings, unchecked, statements: pending.length }, filled };
}

/** The schema before the pending statements. @returns what is not as it should be, in sentences */
async function makeSchema(
  { migrator, application }: Connections,
  { applied, live, schema }: Situation,
  session: SessionSettings,
): Promise<string[]> {
  const failed = await runHistory(migrator, applied, session);
  if (!schema) {
    if (failed !== undefined) throw new OperationError(failed);
    return [];
  }
  if (
    failed === undefined &&
    fingerprintOf(await readSchema(application, live.database)) === schema.fingerprint
  )
    return [];
  await application.query(`DROP DATABASE ${quoted(live.database)}`);
  await application.query(live.createDatabase);
  for (const connection of [application, migrator]) await connection.query(`USE ${quoted(live.database)}`);
  const [problem] = await loadSchema(migrator, schema.objects);
  if (problem !== undefined) throw new OperationError(`the live schema could not be copied: ${problem}`);
  const why = failed ?? 'the files do not lead to the live schema';
  return [
    `${why}: it was copied without rows: those of the recording, and made-up ones, are there for its statements`,
  ];
}

/** @returns which statement does not run, and why */
async function runHistory(
  migrator: Connection,
  applied: readonly Step[],
  session: SessionSettings,
): Promise<string | undefined> {
  let file: Step['file'] | undefined;
  for (const step of applied) {
    if (step.file !== file) await restoreSession(migrator, session);
    file = step.file;
    try {
      await migrator.query(step.statement.sql);
    } catch (error) {
      if ((error as { fatal?: unknown }).fatal === true) throw error;
      return `${file.file}:${step.statement.line} does not run on an empty database: ${reasonOf(error)}`;
    }
  }
  return undefined;
}

/** Rows may come in any order. Throws `UserError` for those that the schema does not take. */
async function insertRows(application: Connection, recorded: readonly RecordedRows[]): Promise<void> {
  await application.query('SET SESSION foreign_key_checks = 0');
  for (const { rows: table, columns, values } of recorded) {
    const names = columns.map(quoted).join(', ');
    try {
      await application.query(`REPLACE INTO ${quoted(table)} (${names}) VALUES ?`, [values]);
    } catch (error) {
      if ((error as { fatal?: unknown }).fatal === true) throw error;
      throw new UserError(`the recorded rows of ${table} don't fit the schema: ${reasonOf(error)}`);
    }
  }
  await application.query('SET SESSION foreign_key_checks = 1');
}

function notChecked(recording: Recording | undefined, { untried, statements }: Baseline): string[] {
  if (!recording)
    return [
      'what the running version would notice: there is no recording of what it sends; make one with holdfast migrate record',
    ];
  const empty = statements
    .filter(({ isWrite, done }) => !isWrite && done.results.every(({ rows }) => rows.length === 0))
    .map(
      ({ recorded }) =>
        `"${nameOf(recorded)}" finds no rows: only errors and the columns of its result are compared`,
    );
  return [
    ...untried.map(({ statement, reason }) => `"${statement}" does not work before the migration: ${reason}`),
    ...empty,
  ];
}
