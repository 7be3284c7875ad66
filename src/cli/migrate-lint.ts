/** `migrate lint`: what the pending migrations would do to the version that runs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../app/failure.ts';
import { describeReport, githubAnnotations } from '../migration/lint/lint-report.ts';
import { lintMigrations, type LintOptions, type LintReport } from '../migration/lint/lint-migrations.ts';
import { parseRecording, recordingName, type Recording } from '../migration/lint/recording.ts';
import { readMigrations } from '../migration/source.ts';
import { readIfThere } from '../platform/machine/json-file.ts';
import { shadowSettings } from './migrate-database.ts';
import { EXIT_FAILED, print, printJson } from './output.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

export interface MigrateLintOptions extends CommonOptions {
  /** The file of a recording. */
  readonly recording?: string;
  /** Without DATABASE_URL: the version up to which files count as applied. */
  readonly from?: string;
  /** Prints workflow commands for GitHub besides. */
  readonly github?: boolean;
}

/**
 * Lints what is pending in the database in DATABASE_URL or, without one, what comes after `--from`. Prints
 * findings. @returns 0, or 1 when there are errors that no file allows
 */
export async function migrateLint(
  folder: string,
  options: MigrateLintOptions,
  context: VerbContext,
): Promise<number> {
  const recording = await recordingFor(folder, options, context);
  const report = await lintMigrations({
    set: await readMigrations(folder),
    shadow: shadowSettings(context),
    signal: context.interrupted,
    ...(recording === undefined ? {} : { recording }),
    ...beginning(options, context),
  });
  show(report, folder, { options, context });
  return report.findings.some(({ severity }) => severity === 'error') ? EXIT_FAILED : 0;
}

/** What says which files are applied. */
function beginning({ from }: MigrateLintOptions, { env }: VerbContext): Pick<LintOptions, 'url' | 'from'> {
  const url = env['DATABASE_URL'] ?? '';
  if (url === '') return from === undefined ? {} : { from };
  if (from === undefined) return { url };
  throw new UserError('the database in DATABASE_URL says what is applied: leave --from or the variable out');
}

function show(
  report: LintReport,
  folder: string,
  { options, context }: { readonly options: MigrateLintOptions; readonly context: VerbContext },
): void {
  const { json = false, github = false } = options;
  if (json) printJson(context, report);
  else for (const line of describeReport(report)) print(context, line);
  if (!github) return;
  for (const line of githubAnnotations(folder, report)) print(context, line, json ? 'stderr' : 'stdout');
}

/** The one that is named, or that lies in the folder. */
async function recordingFor(
  folder: string,
  { recording: path, from }: MigrateLintOptions,
  context: VerbContext,
): Promise<Recording | undefined> {
  if (path !== undefined) return readRecording(path);
  const usual = join(folder, recordingName);
  const text = await readIfThere(usual);
  if (text === undefined) return undefined;
  if (from !== undefined || (context.env['DATABASE_URL'] ?? '') !== '') return parseRecording(usual, text);
  const hint = 'name the database in DATABASE_URL, or the last applied version with --from';
  print(context, `${usual} is not tried without a word on what is applied: ${hint}`, 'stderr');
  return undefined;
}

async function readRecording(path: string): Promise<Recording> {
  try {
    return parseRecording(path, await readFile(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EISDIR') throw error;
    throw new UserError(`there is no recording ${path}: make it, or lint without --recording`);
  }
}
