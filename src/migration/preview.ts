/** What a run would do, and what a shadow says of it. Changes nothing. */

import { readSession } from './connect.ts';
import { Journal } from './journal.ts';
import { foreseePlan, lookAndPlan, pendingSteps } from './look.ts';
import { MigrationRefused, shownStatement } from './migration-failure.ts';
import type { MigrationSet, Phase } from './migration-set.ts';
import { withTarget } from './run.ts';
import { describeChange, describeDifference } from './schema-difference.ts';
import type { ShadowSettings } from './shadow/foresight.ts';
import { requireOwnHistory } from './take-over/foreign-obstacle.ts';

export interface PreviewOptions {
  readonly url: string;
  readonly set: MigrationSet;
  readonly shadow: ShadowSettings;
  readonly signal: AbortSignal;
}

export interface PreviewedStatement {
  readonly file: string;
  readonly line: number;
  /** Of its file. */
  readonly phase: Phase;
  /** Its text, shortened; without passwords. */
  readonly statement: string;
  /** What it changes in the schema, in lines; none when that could not be found out. */
  readonly changes?: readonly string[];
  /** Why the server refused it on the shadow. */
  readonly error?: string;
}

export interface Preview {
  /** What is pending, in order. */
  readonly statements: readonly PreviewedStatement[];
  /** Objects that are not what the files lead to. */
  readonly drift: readonly string[];
  /** Why nothing could be tried. */
  readonly withoutShadow?: string;
}

/** Throws `MigrationRefused` when a run would be refused, and as `runMigrations` for the connection. */
export async function previewMigrations(options: PreviewOptions): Promise<Preview> {
  return withTarget(options, async ({ connection, database }) => {
    const { set, shadow, signal } = options;
    const site = { connection, database, journal: new Journal(connection, database) };
    const { plan, live, rows } = await lookAndPlan(site, set);
    await requireOwnHistory(site, set, rows);
    if (plan.kind === 'refused') throw new MigrationRefused(plan.problems);
    const pending = pendingSteps(plan.files);
    if (pending.length === 0) return { statements: [], drift: [] };
    const session = await readSession(connection);
    const seen = await foreseePlan({ site, set, session, shadow, planned: plan.files, live, signal });
    const steps = seen.kind === 'known' ? seen.steps : undefined;
    await steps?.finish();
    const statements = pending.map(({ file, statement }, index): PreviewedStatement => {
      const { after, changes = [], error } = steps?.known(index) ?? {};
      return {
        file: file.file,
        line: statement.line,
        phase: file.phase,
        statement: shownStatement(statement.sql),
        ...(after === undefined ? {} : { changes: describeChange(changes) }),
        ...(error === undefined ? {} : { error }),
      };
    });
    return {
      statements,
      drift: seen.kind === 'known' ? describeDifference(seen.drift) : [],
      ...(seen.kind === 'unknown' ? { withoutShadow: seen.reason } : {}),
    };
  });
}
