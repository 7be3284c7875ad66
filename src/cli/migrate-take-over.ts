/** `migrate take-over` and `baseline`: the beginning with a database that exists already. */
import { ownName } from '../migration/lease.ts';
import { describeProgress, type MigrationProgress } from '../migration/progress.ts';
import {
  baselineDatabase,
  takeOverDatabase,
  type TakenOver,
} from '../migration/take-over/count-as-applied.ts';
import { databaseUrl, endingClearly, readSet } from './migrate-database.ts';
import { print, printJson } from './output.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

export interface MigrateTakeOverOptions extends CommonOptions {
  readonly folder?: string;
  /** The other tool's table. */
  readonly table?: string;
}

export interface MigrateBaselineOptions extends CommonOptions {
  readonly folder?: string;
  readonly reason?: string;
}

/** Counts as applied what another tool has applied. @returns 0 */
export async function migrateTakeOver(
  folder: string,
  { table, json }: MigrateTakeOverOptions,
  context: VerbContext,
): Promise<number> {
  return endingClearly(context, async () => {
    const base = await request(folder, context);
    const taken = await takeOverDatabase({ ...base, ...(table === undefined ? {} : { table }) });
    return told(taken, json, context);
  });
}

/** Counts everything up to a version as applied. @returns 0 */
export async function migrateBaseline(
  folder: string,
  { version, reason = '', json }: MigrateBaselineOptions & { readonly version: string },
  context: VerbContext,
): Promise<number> {
  return endingClearly(context, async () => {
    const base = await request(folder, context);
    return told(await baselineDatabase({ ...base, version, reason }), json, context);
  });
}

async function request(
  folder: string,
  context: VerbContext,
): Promise<Omit<Parameters<typeof takeOverDatabase>[0], 'table'>> {
  return {
    url: databaseUrl(context),
    set: await readSet(folder, context),
    signal: context.interrupted,
    progress: (event: MigrationProgress) => {
      print(context, describeProgress(event), 'stderr');
    },
    by: `${context.env['USER'] ?? 'somebody'} on ${ownName()}`,
  };
}

function told(taken: TakenOver, json: boolean | undefined, context: VerbContext): number {
  if (json === true) {
    printJson(context, taken);
    return 0;
  }
  for (const note of taken.notes) print(context, note, 'stderr');
  print(context, `${taken.files.length} migrations count as applied (${taken.reason})`);
  for (const file of taken.files) print(context, `  ${file}`);
  return 0;
}
