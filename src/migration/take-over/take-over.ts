/**
 * Decides which files of a set count as applied on a database that another tool has migrated so far, or that
 * nobody has. Pure. What the other tool's table does not prove is a problem, and then nothing is taken over.
 */

import { canonical } from '../file-names.ts';
import { compareVersions, type MigrationSet } from '../migration-set.ts';
import { missingFile, skipped, type Findings, type TakenFile, type TakeOverSource } from './findings.ts';
import { flywayFiles } from './flyway-history.ts';
import type { ForeignHistory } from './foreign-history.ts';

export type TakeOver =
  | {
      readonly kind: 'taken';
      /** By rising version, as in the set. */
      readonly files: readonly TakenFile[];
      /** What could not be checked, in sentences. */
      readonly notes: readonly string[];
      /** Why these files count as applied, to be kept in the journal. */
      readonly reason: string;
    }
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

/** Takes what `history` says for the journal. */
export function takeOver(history: ForeignHistory, source: TakeOverSource): TakeOver {
  return conclude(source, findingsOf(history, source), `taken over from ${history.tool} (${history.table})`);
}

function findingsOf(history: ForeignHistory, source: TakeOverSource): Findings {
  switch (history.tool) {
    case 'flyway':
      return flywayFiles(history.rows, source);
    case 'golang-migrate':
      return golangFiles(history, source.set);
    case 'dbmate':
      return dbmateFiles(history.versions, source.set);
  }
}

/** Takes everything up to `version` as applied, because someone says so. Repeatable files are run. */
export function baseline(
  source: TakeOverSource,
  { version, reason }: { readonly version: string; readonly reason: string },
): TakeOver {
  const { set } = source;
  if (reason.trim() === '') return refuse('a baseline needs a reason: it is kept in the journal');
  if (!/^\d+(?:[._]\d+)*$/.test(version)) return refuse(`"${version}" is no version: write it as 12 or 1.2`);
  const last = canonical(version);
  const findings = set.files.some((file) => file.version === last)
    ? { files: upTo(set, last), notes: [], problems: [] }
    : noFiles(
        `there is no file of version ${last} in ${set.folder}: name the last one that the database has`,
      );
  return conclude(source, findings, `baseline ${last}: ${reason.trim()}`);
}

function conclude({ journaled }: TakeOverSource, findings: Findings, reason: string): TakeOver {
  if (journaled.length > 0) {
    return refuse('Holdfast migrates this database already: there is nothing to take over');
  }
  const { files, notes, problems } = findings;
  return problems.length > 0 ? { kind: 'refused', problems } : { kind: 'taken', files, notes, reason };
}

function refuse(problem: string): TakeOver {
  return { kind: 'refused', problems: [problem] };
}

function noFiles(problem: string): Findings {
  return { files: [], notes: [], problems: [problem] };
}

function upTo({ files }: MigrationSet, version: string): TakenFile[] {
  return files
    .filter((file) => file.kind === 'versioned' && compareVersions(file.version, version) <= 0)
    .map((file) => ({ file }));
}

const unchecked = (tool: string): string =>
  `${tool} keeps no checksums: that the files are as they were applied could not be checked`;

type GolangHistory = Extract<ForeignHistory, { tool: 'golang-migrate' }>;

function golangFiles({ version, dirty, table }: GolangHistory, set: MigrationSet): Findings {
  if (version === undefined)
    return { files: [], notes: [`${table} is empty: nothing was applied`], problems: [] };
  if (dirty) {
    return noFiles(
      `${table} says that version ${version} is dirty: find out what of it is in the database, complete or undo it, ` +
        'run "migrate force VERSION" with the version that it has then, and take over again',
    );
  }
  if (!set.files.some((file) => file.version === version)) return noFiles(missingFile(version, set, table));
  return { files: upTo(set, version), notes: [unchecked('golang-migrate')], problems: [] };
}

function dbmateFiles(versions: readonly string[], set: MigrationSet): Findings {
  const applied = new Set(versions.filter((version) => /^\d+$/.test(version)).map(canonical));
  const known = new Map(set.files.map((file) => [file.version, file]));
  const strange = versions.filter((version) => !/^\d+$/.test(version));
  const problems = [
    ...strange.map((version) => `${foreignRow(version)} is no version of a dbmate file`),
    ...[...applied]
      .filter((version) => !known.has(version))
      .map((version) => missingFile(version, set, 'dbmate')),
    ...skipped(set, applied, 'dbmate'),
  ];
  const files = set.files.filter(({ version }) => applied.has(version)).map((file) => ({ file }));
  return { files, notes: files.length > 0 ? [unchecked('dbmate')] : [], problems };
}

function foreignRow(version: string): string {
  return `the version "${version}" in schema_migrations`;
}
