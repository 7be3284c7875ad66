/** Applies what is pending of one file. */

import { runBackfill } from './backfill/run-backfill.ts';
import { restoreSession, type SessionSettings } from './connect.ts';
import type { Expectations } from './expectations.ts';
import type { MigrationFile, Statement } from './migration-set.ts';
import type { PlannedFile } from './plan.ts';
import { runStatement, type Workplace } from './run-statement.ts';
import type { Rehearsed } from './shadow/rehearsal.ts';

/** A file whose last statement was applied. */
export interface AppliedFile {
  readonly version: string;
  readonly file: string;
  readonly durationMs: number;
}

export interface Given {
  /** What the connection is set to before the file. */
  readonly settings: SessionSettings;
  /** Whether that is known to be so. */
  readonly isSetUp: boolean;
  /** What the shadow says of statements. */
  readonly expected: Expectations;
}

/** Throws as `runStatement` does. */
export async function runFile(work: Workplace, planned: PlannedFile, given: Given): Promise<AppliedFile> {
  const startedAt = performance.now();
  const { file } = planned;
  const from = await beginFile(work, planned, given);
  for (const statement of file.statements.slice(from - 1)) {
    report(work, file, statement.index, { kind: 'statement', statements: file.statements.length });
    const expected = await given.expected.of(statement);
    const next = nextOf(file, statement, given.expected);
    const task = {
      file,
      statement,
      ...(expected === undefined ? {} : { expected }),
      ...(next === undefined ? {} : { next }),
    };
    const { backfill } = file;
    await (backfill ? runBackfill(work, { ...task, backfill }) : runStatement(work, task));
  }
  const done = { version: file.version, file: file.file, durationMs: performance.now() - startedAt };
  work.progress({ kind: 'applied', ...done });
  return done;
}

/** Brings the journal and the connection to where the file begins or goes on. @returns its first statement to be run */
async function beginFile(
  work: Workplace,
  { file, from, session, recovery, again, journaled }: PlannedFile,
  { settings, isSetUp }: Given,
): Promise<number> {
  const { journal, lease } = work;
  if (recovery) report(work, file, from, { kind: 'recovered', outcome: recovery.kind });
  const interrupted = recovery?.kind === 'applied' ? file.statements[from - 1] : undefined;
  if (interrupted) await journal.applied({ file, statement: interrupted }, lease);
  if (again === true) await journal.forget(file.version, lease);
  else if (journaled === true) await journal.adopt(file, lease);
  if (!isSetUp) await restoreSession(work.connection, settings);
  for (const { sql } of session) await work.connection.query(sql);
  return interrupted ? from + 1 : from;
}

/**
 * Whether the connection is set up after the file as it was before it. Single schema changes set nothing; whatever
 * changes data may call what does.
 */
export function leavesSettings({ file, session }: PlannedFile, expected: Expectations): boolean {
  const isSingle = (statement: Statement): boolean => expected.known(statement)?.isSingle === true;
  return session.length === 0 && file.statements.every(isSingle);
}

function nextOf(
  file: MigrationFile,
  { index }: Statement,
  expected: Expectations,
): { statement: Statement; expected: Rehearsed } | undefined {
  const statement = file.statements[index];
  const known = statement && expected.known(statement);
  return statement && known && { statement, expected: known };
}

type Outcome =
  | { readonly kind: 'statement'; readonly statements: number }
  | { readonly kind: 'recovered'; readonly outcome: 'applied' | 'not-applied' };

function report(work: Workplace, file: MigrationFile, index: number, outcome: Outcome): void {
  const line = file.statements[index - 1]?.line ?? 1;
  work.progress({ version: file.version, file: file.file, statement: index, line, ...outcome });
}
