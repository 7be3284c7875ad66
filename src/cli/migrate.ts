/**
 * `migrate run`, `wait` and `status`. With `--folder` they work on the database in DATABASE_URL directly,
 * without a running application: so a Job migrates, and an init container waits, with no other rights. What
 * only a running application needs is loaded only then: an init container starts beside every instance.
 */
import { writeFile } from 'node:fs/promises';
import type { Status } from '../controller/status.ts';
import { UserError } from '../app/failure.ts';
import { parseDuration } from '../app/units.ts';
import { waitForDatabase, type ReportWait } from '../database/wait.ts';
import { describeBackfill } from '../migration/backfill/chunk-progress.ts';
import { migrationStatus } from '../migration/migration-status.ts';
import { describeProgress } from '../migration/progress.ts';
import type { FileStatus } from '../migration/plan.ts';
import { reportText } from '../migration/job-report.ts';
import type { ReleasePhase } from '../migration/release-phase.ts';
import { runMigrations, type MigrationReport } from '../migration/run.ts';
import { readMigrations } from '../migration/source.ts';
import { waitForMigrations } from '../migration/wait.ts';
import type { ChangeOptions } from './change.ts';
import { databaseUrl, endingClearly, readSet, replicaUrls, shadowSettings } from './migrate-database.ts';
import { EXIT_FAILED, print, printJson } from './output.ts';
import { paintState, painter } from './render-status.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

export interface MigrateRunOptions extends CommonOptions {
  /** The migrations; without it the running application is asked to apply its own. */
  readonly folder?: string;
  /** With a folder: how long to wait for the database, such as `60s`. Without: false only asks for it. */
  readonly wait?: string | boolean;
  /** With a folder: `expand` or `contract`; without it everything. */
  readonly phase?: string;
  /** With a folder: a file that is told what was done, for the controller of a cluster. */
  readonly report?: string;
}

export interface MigrateWaitOptions extends CommonOptions {
  readonly folder: string;
  /** Such as `1h`. */
  readonly timeout: string;
  /** Waits on when a migration has failed. */
  readonly throughFailures?: boolean;
}

export interface MigrateStatusOptions extends CommonOptions {
  /** The migrations; without it the running application is asked. */
  readonly folder?: string;
}

const databaseWait = '60s';

/**
 * Applies what is pending, also after a failure. @returns 0 when all is applied. With a folder it throws
 * `UserError` for what only a human can mend, a failed statement too, and `OperationError` for what
 * another try may.
 */
export async function migrateRun(options: MigrateRunOptions, context: VerbContext): Promise<number> {
  const { folder, wait } = options;
  if (folder !== undefined) return runFolder({ ...options, folder }, context);
  if (typeof wait === 'string') throw new UserError('--wait with a time needs --folder');
  if (options.phase !== undefined)
    throw new UserError('--phase needs --folder: a release sees to its phases');
  const { change } = await import('./change.ts');
  const asked: ChangeOptions = { ...options, wait: wait !== false };
  return change(asked, context, { path: '/migrate', body: {} });
}

/** Waits until the database in DATABASE_URL has every migration of the folder. @returns 0 */
export async function migrateWait(options: MigrateWaitOptions, context: VerbContext): Promise<number> {
  const url = databaseUrl(context);
  const timeoutMs = milliseconds('--timeout', options.timeout);
  const { interrupted: signal } = context;
  const { throughFailures = false } = options;
  const waiting = reportWait(context);
  return endingClearly(context, async () => {
    const set = await readMigrations(options.folder);
    await waitForMigrations({ url, set, timeoutMs, signal, waiting, throughFailures });
    const needed = set.files.filter(({ phase }) => phase !== 'contract').length;
    const aside = needed === set.files.length ? '' : ', contracts aside';
    if (options.json === true) printJson(context, { state: 'applied', applied: needed });
    else print(context, `all ${needed} migrations are applied${aside}`);
    return 0;
  });
}

/** @returns 0 when every migration is applied, 1 otherwise */
export async function migrateStatus(options: MigrateStatusOptions, context: VerbContext): Promise<number> {
  return options.folder === undefined
    ? statusOfApplication(options, context)
    : statusOfFolder(options.folder, options, context);
}

async function runFolder(
  { folder, wait, json, phase: wish, report: reportFile }: MigrateRunOptions & { folder: string },
  context: VerbContext,
): Promise<number> {
  const url = databaseUrl(context);
  const replicas = replicaUrls(context);
  const phase = phaseOf(wish);
  const timeoutMs =
    wait === false ? 0 : milliseconds('--wait', typeof wait === 'string' ? wait : databaseWait);
  const { interrupted: signal } = context;
  return endingClearly(context, async () => {
    const set = await readSet(folder, context);
    await waitForDatabase(url, { timeoutMs, signal, waiting: reportWait(context) });
    const report = await runMigrations({
      url,
      set,
      signal,
      replicas,
      shadow: shadowSettings(context),
      ...(phase === undefined ? {} : { phase }),
      progress: (event) => {
        print(context, describeProgress(event), 'stderr');
      },
    });
    if (reportFile !== undefined) await writeFile(reportFile, reportText(report));
    if (json === true) printJson(context, report);
    else print(context, describeReport(report));
    return 0;
  });
}

function phaseOf(wish: string | undefined): ReleasePhase | undefined {
  if (wish === undefined || wish === 'expand' || wish === 'contract') return wish;
  throw new UserError(`--phase is expand or contract, not "${wish}"`);
}

function describeReport({ applied, before, later }: MigrationReport): string {
  const done = `${applied.length} migrations applied, ${before} had been before`;
  if (later.length === 0) return done;
  return `${done}; ${later.join(', ')} waits until no instance of an older version is left`;
}

async function statusOfFolder(folder: string, options: CommonOptions, context: VerbContext): Promise<number> {
  const set = await readSet(folder, context);
  const status = await migrationStatus({ url: databaseUrl(context), set, signal: context.interrupted });
  if (options.json === true) printJson(context, status);
  else {
    const paint = painter(context.stdout);
    print(
      context,
      `${paintState(status.state, paint)}: ${status.applied} applied, ${status.pending} pending`,
    );
    for (const file of status.files) print(context, `  ${describeFile(file)}`);
  }
  return status.state === 'applied' ? 0 : EXIT_FAILED;
}

function describeFile({ file, version, name, phase, problem, state, backfill }: FileStatus): string {
  const mark = phase === undefined || phase === 'expand' ? '' : ` (${phase})`;
  const far = backfill ? ` (${describeBackfill(backfill)})` : '';
  return `${file ?? `V${version}__${name}.sql`}${mark}: ${problem ?? state}${far}`;
}

async function statusOfApplication(options: CommonOptions, context: VerbContext): Promise<number> {
  const { controlOf, requireRunning } = await import('./verb-context.ts');
  const client = await controlOf(options, context);
  const status = (await client.get('/status').catch(requireRunning)) as Status | null;
  const migrations = status?.migrations ?? { state: 'unknown', applied: 0, pending: 0 };
  if (options.json === true) printJson(context, migrations);
  else {
    const state = paintState(migrations.state, painter(context.stdout));
    print(context, `${state}: ${migrations.applied} applied, ${migrations.pending} pending`);
    if ('problem' in migrations && migrations.problem !== undefined) print(context, migrations.problem);
  }
  return ['applied', 'none'].includes(migrations.state) ? 0 : EXIT_FAILED;
}

function milliseconds(option: string, text: string): number {
  const value = parseDuration(text);
  if (Number.isNaN(value)) throw new UserError(`${option} is a time such as 30s, 10m or 1h, not "${text}"`);
  return value;
}

function reportWait(context: VerbContext): ReportWait {
  return (missing, waitedMs) => {
    print(context, `waiting for ${Math.round(waitedMs / 1000)} s: ${missing}`, 'stderr');
  };
}
