/**
 * What Flyway's history says of the files of a set. Pure. Rows are read in the order in which Flyway wrote
 * them: a later row for a baseline, a deletion or an undo changes what the earlier ones mean.
 */

import { basename } from 'node:path/posix';
import { canonical } from '../file-names.ts';
import { compareVersions, type MigrationFile } from '../migration-set.ts';
import { missingFile, skipped, type Findings, type TakenFile, type TakeOverSource } from './findings.ts';
import type { FlywayRow } from './foreign-history.ts';

/** What is in force after all rows. */
interface InForce {
  /** The last row of each version that is applied. */
  readonly versions: Map<string, FlywayRow>;
  /** The last row of each repeatable file, by the file's name. */
  readonly repeatables: Map<string, FlywayRow>;
  baseline: FlywayRow | undefined;
}

/** Which files of the set `rows` prove to be applied as they are now. */
export function flywayFiles(rows: readonly FlywayRow[], source: TakeOverSource): Findings {
  const failed = rows.filter(({ success }) => !success);
  if (failed.length > 0) return { files: [], notes: [], problems: failed.map(failedRow) };
  const inForce = readRows(rows);
  const { set } = source;
  const known = new Map(set.files.map((file) => [file.version, file]));
  const problems: string[] = [];
  const notes: string[] = [];
  const files: TakenFile[] = belowBaseline(inForce, source);
  for (const [version, row] of inForce.versions) {
    const file = known.get(version);
    if (file) take(file, row, { source, files, problems });
    else if (row.type === 'SQL') problems.push(missingFile(version, set, 'Flyway'));
    else
      notes.push(
        `version ${version} (${row.script}) was applied by Flyway as ${row.type}: no file is needed`,
      );
  }
  files.push(...unchangedRepeatables(inForce, source));
  const covered = new Set([...files.map(({ file }) => file.version), ...inForce.versions.keys()]);
  problems.push(...skipped(set, covered, 'Flyway'));
  return {
    files: files.toSorted((a, b) => compareVersions(a.file.version, b.file.version)),
    notes,
    problems,
  };
}

function failedRow({ script }: FlywayRow): string {
  return (
    `Flyway has failed at ${script}: find out what of it is in the database, complete or undo it, ` +
    'run "flyway repair", and take over again'
  );
}

function readRows(rows: readonly FlywayRow[]): InForce {
  const inForce: InForce = { versions: new Map(), repeatables: new Map(), baseline: undefined };
  for (const row of rows.toSorted((a, b) => a.rank - b.rank)) readRow(row, inForce);
  return inForce;
}

function readRow(row: FlywayRow, inForce: InForce): void {
  const { type, version } = row;
  if (type === 'SCHEMA') return;
  if (version === undefined) {
    const file = basename(row.script);
    if (type === 'DELETE') inForce.repeatables.delete(file);
    else inForce.repeatables.set(file, row);
    return;
  }
  const key = canonical(version);
  // SQL_BASELINE is a file B… that Flyway has run instead of all before it.
  if (type === 'BASELINE' || type === 'SQL_BASELINE') inForce.baseline = row;
  else if (type === 'DELETE' || type.startsWith('UNDO')) inForce.versions.delete(key);
  else inForce.versions.set(key, row);
}

function belowBaseline({ baseline, versions }: InForce, { set }: TakeOverSource): TakenFile[] {
  if (baseline?.version === undefined) return [];
  const last = canonical(baseline.version);
  return set.files
    .filter(({ kind, version }) => kind === 'versioned' && compareVersions(version, last) <= 0)
    .filter(({ version }) => !versions.has(version))
    .map((file) => taken(file, baseline));
}

interface Sink {
  readonly source: TakeOverSource;
  readonly files: TakenFile[];
  readonly problems: string[];
}

/** Takes a versioned file, unless it is another now. */
function take(file: MigrationFile, row: FlywayRow, { source, files, problems }: Sink): void {
  if (row.checksum === undefined || source.checksums.get(file.file) === row.checksum) {
    files.push(taken(file, row));
    return;
  }
  problems.push(`${file.file} is not as Flyway has applied it (its checksum differs): put it back as it was`);
}

/** A repeatable file that has changed since is left out: it is run, as Flyway would. */
function unchangedRepeatables({ repeatables }: InForce, { set, checksums }: TakeOverSource): TakenFile[] {
  return set.files.flatMap((file) => {
    const row = file.kind === 'repeatable' ? repeatables.get(file.file) : undefined;
    return row?.checksum !== undefined && row.checksum === checksums.get(file.file) ? [taken(file, row)] : [];
  });
}

function taken(file: MigrationFile, { installedAt, installedBy }: FlywayRow): TakenFile {
  return { file, at: installedAt, by: installedBy };
}
