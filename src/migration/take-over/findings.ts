/** What the decisions about each tool's history have in common. Pure. */

import {
  compareVersions,
  isRepeatableVersion,
  type MigrationFile,
  type MigrationSet,
} from '../migration-set.ts';

/** A file that counts as applied, all its statements. */
export interface TakenFile {
  readonly file: MigrationFile;
  /** When and by whom, where that is known. */
  readonly at?: Date;
  readonly by?: string;
}

/** What a decision is made from. */
export interface TakeOverSource {
  readonly set: MigrationSet;
  /** Versions that the journal has already. */
  readonly journaled: readonly string[];
  /** Flyway's checksum of each file of the set, by the file's name. For Flyway's history only. */
  readonly checksums: ReadonlyMap<string, number>;
}

/** What each kind of history comes to. */
export interface Findings {
  readonly files: readonly TakenFile[];
  readonly notes: readonly string[];
  readonly problems: readonly string[];
}

/** Why a version that was applied has no file. */
export function missingFile(version: string, { files, folder }: MigrationSet, tool: string): string {
  const last = files.findLast(({ kind }) => kind === 'versioned')?.version;
  if (last === undefined || compareVersions(version, last) > 0) {
    return `${tool} has version ${version}, later than every file in ${folder}: take over with the files that the database has`;
  }
  return `${tool} has version ${version}, but ${folder} has no file of it: put it back`;
}

/** Files below the latest applied version that are not applied themselves. */
export function skipped(set: MigrationSet, applied: ReadonlySet<string>, tool: string): string[] {
  const latest = [...applied]
    .filter((version) => !isRepeatableVersion(version))
    .toSorted(compareVersions)
    .at(-1);
  if (latest === undefined) return [];
  return set.files
    .filter(({ kind, version }) => kind === 'versioned' && !applied.has(version))
    .filter(({ version }) => compareVersions(version, latest) < 0)
    .map(
      ({ file }) =>
        `${file} has not been applied by ${tool}, but the later version ${latest} has: give it a higher version`,
    );
}
