/** `migrate record`: writes down what the running version sends, for `migrate lint`. */
import { join } from 'node:path';
import { serviceOf } from '../database/accounts.ts';
import {
  mergedRecordings,
  parseRecording,
  recordingName,
  recordingText,
  type RecordedStatement,
  type Recording,
} from '../migration/lint/recording.ts';
import {
  recordStatements,
  type RecordProgress,
  type StatementRecord,
} from '../migration/record/record-statements.ts';
import { readIfThere, writeFileSafely } from '../platform/machine/json-file.ts';
import { durationOf } from './duration-option.ts';
import { print, printJson } from './output.ts';
import { recordPlace } from './record-place.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

export interface MigrateRecordOptions extends CommonOptions {
  /** How long, such as `5m`. */
  readonly for: string;
  /** The file, instead of the one in the migrations' folder. */
  readonly recording?: string;
  /** Leaves out what the file has so far. */
  readonly anew?: boolean;
}

const nothing: Recording = { statements: [], rows: [] };

/**
 * Records for a while, or until Ctrl-C, and adds what was seen to the file. @returns 0
 */
export async function migrateRecord(
  folder: string | undefined,
  options: MigrateRecordOptions,
  context: VerbContext,
): Promise<number> {
  const durationMs = durationOf('--for', options.for);
  const place = await recordPlace(folder, options, context);
  const file = options.recording ?? join(place.folder, recordingName);
  // What can't be read is told before anything is recorded.
  const before = options.anew === true ? nothing : await recordingIn(file);
  const { url, accounts } = place;
  const record = await recordStatements({
    url,
    durationMs,
    ...(accounts === undefined ? {} : { accounts }),
    signal: context.interrupted,
    progress: (event) => {
      print(context, describeProgress(event, options.for), 'stderr');
    },
  });
  const recording = mergedRecordings(before, { statements: record.statements.map(named), rows: [] });
  await writeFileSafely(file, recordingText(recording));
  const added = recording.statements.length - before.statements.length;
  if (options.json === true) printJson(context, { file, added, ...recording, counts: record.counts });
  else for (const line of describeRecord(record, { file, added, recording })) print(context, line);
  return 0;
}

async function recordingIn(file: string): Promise<Recording> {
  const text = await readIfThere(file);
  return text === undefined ? nothing : parseRecording(file, text);
}

/** Accounts of services are known by these. */
function named(statement: RecordedStatement): RecordedStatement {
  return { ...statement, seen: (statement.seen ?? []).map(serviceOf) };
}

function describeProgress(event: RecordProgress, time: string): string {
  switch (event.kind) {
    case 'leftover':
      return event.what;
    case 'recording':
      return `recording for ${time}, or until Ctrl-C: the server's general log is switched on meanwhile, which slows it down`;
    case 'ended':
      return "the server's general log is as it was before";
  }
}

interface Written {
  readonly file: string;
  readonly added: number;
  readonly recording: Recording;
}

function describeRecord({ counts }: StatementRecord, { file, added, recording }: Written): string[] {
  const { seen, unclear, refused, beyond } = counts;
  const left: readonly (readonly [number, string])[] = [
    [unclear, 'could not be told apart into code and data'],
    [refused, 'different ones the server does not take by themselves, such as those on temporary tables'],
    [beyond, 'were too many different ones'],
  ];
  return [
    `${seen} statements seen; ${file} has ${recording.statements.length}, of which ${added} are new`,
    ...left.flatMap(([count, why]) => (count === 0 ? [] : [`left out: ${count} ${why}`])),
  ];
}
