/** `migrate repair`: a human says what has become of a statement that was interrupted. */
import { UserError } from '../app/failure.ts';
import { ownName } from '../migration/lease.ts';
import { describeProgress } from '../migration/progress.ts';
import { repairMigration } from '../migration/repair.ts';
import { databaseUrl } from './migrate-database.ts';
import { print, printJson } from './output.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

export interface MigrateRepairOptions extends CommonOptions {
  /** Such as V2:3, the third statement of version 2. */
  readonly applied?: string;
  readonly notApplied?: string;
  readonly reason?: string;
}

/** Writes the decision into the journal of the database in DATABASE_URL. @returns 0 */
export async function migrateRepair(options: MigrateRepairOptions, context: VerbContext): Promise<number> {
  const { applied, notApplied, reason = '' } = options;
  if ((applied === undefined) === (notApplied === undefined))
    throw new UserError('say one of --applied V2:3 and --not-applied V2:3');
  if (reason.trim() === '') throw new UserError('--reason says how you know; it stays in the journal');
  const outcome = applied === undefined ? 'not-applied' : 'applied';
  const place = parsePlace(applied ?? notApplied ?? '');
  await repairMigration({
    url: databaseUrl(context),
    ...place,
    outcome,
    by: `${context.env['USER'] ?? 'somebody'} on ${ownName()}`,
    reason,
    signal: context.interrupted,
    progress: (event) => {
      print(context, describeProgress(event), 'stderr');
    },
  });
  if (options.json === true) printJson(context, { ...place, outcome });
  else
    print(
      context,
      `statement ${place.statement} of version ${place.version} is ${outcome.replace('-', ' ')} now`,
    );
  return 0;
}

function parsePlace(text: string): { version: string; statement: number } {
  const [, version, statement] = /^V?(\d+(?:[._]\d+)*):([1-9]\d*)$/.exec(text) ?? [];
  if (version === undefined)
    throw new UserError(`"${text}" is no statement: write V2:3 for the third of version 2`);
  return { version: canonical(version), statement: Number(statement) };
}

/** As the journal has it. */
function canonical(version: string): string {
  const parts = version.split(/[._]/).map((part) => String(BigInt(part)));
  return parts.join('.').replace(/(?:\.0)+$/, '');
}
