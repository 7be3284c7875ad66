/** `migrate plan` and `verify`: what would be done, and whether the schema is what was done. */
import { describeDifference } from '../migration/schema-difference.ts';
import { previewMigrations, type Preview, type PreviewedStatement } from '../migration/preview.ts';
import { readMigrations } from '../migration/source.ts';
import { verifySchema } from '../migration/verify.ts';
import { databaseUrl, readSet, shadowSettings } from './migrate-database.ts';
import { EXIT_FAILED, print, printJson } from './output.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

/** Prints what a run would do to the database in DATABASE_URL. @returns 0 */
export async function migratePlan(
  folder: string,
  options: CommonOptions,
  context: VerbContext,
): Promise<number> {
  const set = await readSet(folder, context);
  const preview = await previewMigrations({
    url: databaseUrl(context),
    set,
    shadow: shadowSettings(context),
    signal: context.interrupted,
  });
  if (options.json === true) {
    printJson(context, preview);
    return 0;
  }
  printPreview(preview, context);
  return 0;
}

function printPreview(preview: Preview, context: VerbContext): void {
  if (preview.statements.length === 0) print(context, 'nothing is pending');
  for (const statement of preview.statements) printStatement(statement, context);
  const contracts = new Set(
    preview.statements.filter(({ phase }) => phase === 'contract').map(({ file }) => file),
  );
  if (contracts.size > 0) print(context, describeContract([...contracts]));
  if (preview.drift.length > 0) print(context, 'not what the files lead to:');
  for (const line of preview.drift) print(context, `    ${line}`);
  if (preview.withoutShadow !== undefined)
    print(context, `without a shadow, what they change is not known: ${preview.withoutShadow}`);
}

function printStatement(
  { file, line, phase, statement, changes = [], error }: PreviewedStatement,
  context: VerbContext,
): void {
  print(context, `${file}:${line}: ${phase === 'expand' ? '' : `(${phase}) `}${statement}`);
  for (const change of changes) print(context, `    ${change}`);
  if (error !== undefined) print(context, `    on the shadow: ${error}`);
}

function describeContract(files: readonly string[]): string {
  return (
    `${files.join(', ')}: a contract; in a release it waits until no instance of an older version is left, ` +
    'and after it there is no way back to that version'
  );
}

/** Compares the schema in DATABASE_URL with what the folder leads to. @returns 0 when they are the same, 1 otherwise */
export async function migrateVerify(
  folder: string,
  options: CommonOptions,
  context: VerbContext,
): Promise<number> {
  const { drift, statements } = await verifySchema({
    url: databaseUrl(context),
    set: await readMigrations(folder),
    shadow: shadowSettings(context),
    signal: context.interrupted,
  });
  if (options.json === true)
    printJson(context, { state: drift.length === 0 ? 'same' : 'drift', drift, statements });
  else if (drift.length === 0) print(context, `the schema is what ${statements} statements lead to`);
  else {
    print(context, 'the schema is not what the migrations lead to (- expected, + found):');
    for (const line of describeDifference(drift)) print(context, `  ${line}`);
  }
  return drift.length === 0 ? 0 : EXIT_FAILED;
}
