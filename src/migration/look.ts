/**
 * What has to be known before anything is decided: the journal, the live schema, and what the pending
 * statements will do to it. Only reads.
 */

import type { Connection } from 'mysql2/promise';
import type { SessionSettings } from './connect.ts';
import { fingerprintOf, notTransactionalTables, readSchema } from './fingerprint.ts';
import type { Journal } from './journal.ts';
import type { JournalRow } from './journal-row.ts';
import { lineDifference } from './line-difference.ts';
import type { MigrationSet } from './migration-set.ts';
import { fileStatuses, planMigrations, runningRow, type MigrationPlan, type PlannedFile } from './plan.ts';
import type { LiveSchema } from './recovery.ts';
import type { Step } from './shadow/rehearsal.ts';
import { foresee, type Foresight, type ShadowSettings } from './shadow/foresight.ts';

/** A database with its journal. */
export interface Site {
  readonly connection: Connection;
  readonly database: string;
  readonly journal: Journal;
}

/** The plan for what is in the database now, with every difference between files and journal shown. */
export async function lookAndPlan(
  { connection, database, journal }: Site,
  set: MigrationSet,
): Promise<{
  readonly plan: MigrationPlan;
  readonly rows: readonly JournalRow[];
  readonly live: LiveSchema;
}> {
  const rows = await journal.rows();
  const running = runningRow(rows);
  const details = running && (await journal.details(running.version, running.statement));
  const objects = await readSchema(connection, database);
  const live: LiveSchema = {
    fingerprint: fingerprintOf(objects),
    objects,
    notTransactional: await notTransactionalTables(connection, database),
    ...(details?.changes === undefined ? {} : { changes: details.changes }),
  };
  const plan = planMigrations(set, rows, live);
  if (plan.kind === 'run') return { plan, rows, live };
  const shown = await changedStatements(journal, set, rows);
  return { plan: { kind: 'refused', problems: [...plan.problems, ...shown] }, rows, live };
}

/** For each applied statement that the file has otherwise now: its lines, as far as the journal keeps them. */
async function changedStatements(
  journal: Journal,
  set: MigrationSet,
  rows: readonly JournalRow[],
): Promise<string[]> {
  const shown: string[] = [];
  for (const { version, differs, file } of fileStatuses(set, rows)) {
    if (differs === undefined) continue;
    const { text } = await journal.details(version, differs);
    const now = set.files.find((file) => file.version === version)?.statements[differs - 1]?.sql;
    if (text === undefined || now === undefined) continue;
    const lines = lineDifference(text, now).map((line) => `    ${line}`);
    shown.push([`${file ?? ''}: - has been applied, + is in the file`, ...lines].join('\n'));
  }
  return shown;
}

/** The statements that are still to be run, in order. */
export function pendingSteps(planned: readonly PlannedFile[]): Step[] {
  return planned.flatMap(({ file, from, recovery }) =>
    file.statements
      .slice(recovery?.kind === 'applied' ? from : from - 1)
      .map((statement) => ({ file, statement })),
  );
}

/** The statements that have been applied, in order, as far as the files of the set tell. */
export function appliedSteps(set: MigrationSet, planned: readonly PlannedFile[]): Step[] {
  const pending = new Set(pendingSteps(planned).map(({ statement }) => statement));
  return set.files.flatMap((file) =>
    file.statements.filter((statement) => !pending.has(statement)).map((statement) => ({ file, statement })),
  );
}

export interface ForesightRequest {
  readonly site: Site;
  readonly set: MigrationSet;
  readonly session: SessionSettings;
  readonly shadow: ShadowSettings;
  readonly planned: readonly PlannedFile[];
  readonly live: LiveSchema;
  readonly signal: AbortSignal;
}

/** What the planned statements will do, as far as a shadow can tell. */
export async function foreseePlan(request: ForesightRequest): Promise<Foresight> {
  const { site, set, session, shadow, planned, live, signal } = request;
  const { connection, database } = site;
  return foresee({
    shadow,
    connection,
    database,
    session,
    live: live.objects,
    applied: appliedSteps(set, planned),
    pending: pendingSteps(planned),
    settings: planned[0]?.session ?? [],
    signal,
  });
}
