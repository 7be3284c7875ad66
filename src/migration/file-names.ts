/**
 * What the name of a file in a folder of migrations says, in the manner of Flyway, golang-migrate or dbmate.
 * Pure. A folder keeps to one manner: two in one folder would have two orders.
 *
 * Sources: Flyway's "Migrations" reference (prefix, version, separator, description), the expression
 * `^([0-9]+)_(.*)\.(down|up)\.(.*)$` of golang-migrate's source/parse.go, and dbmate's pkg/dbmate/migration.go.
 */

import { repeatableVersion, type MigrationFormat } from './migration-set.ts';

export type FileName =
  | {
      readonly kind: 'versioned' | 'repeatable';
      readonly format: MigrationFormat;
      readonly version: string;
      readonly name: string;
    }
  /** Undoes another file. */
  | { readonly kind: 'left-alone'; readonly format: MigrationFormat }
  | { readonly kind: 'wrong'; readonly problem: string };

const flywayName = /^V(\d+(?:[._]\d+)*)__(.+)\.sql$/;
const repeatableName = /^R__(.+)\.sql$/;
const golangName = /^(\d+)_(.*)\.(up|down)\.sql$/;
const dbmateName = /^(\d+)_(.+)\.sql$/;
const callbackName = /^(?:before|after|create)[A-Z]\w*(?:__.*)?\.sql$/;

/** Lengths of the journal's columns, in characters. */
const longestVersion = 100;
const longestName = 200;

/** Reads a name. `hasUpMark` tells whether the file has a line `-- migrate:up`. */
export function readFileName(file: string, hasUpMark: () => boolean): FileName {
  const repeatable = repeatableName.exec(file);
  if (repeatable) return readRepeatable(repeatable[1] ?? '');
  const flyway = flywayName.exec(file);
  if (flyway) return versioned('flyway', flyway[1], flyway[2]);
  const golang = golangName.exec(file);
  if (golang?.[3] === 'down') return { kind: 'left-alone', format: 'golang-migrate' };
  if (golang) return versioned('golang-migrate', golang[1], golang[2]);
  const dbmate = dbmateName.exec(file);
  if (dbmate && hasUpMark()) return versioned('dbmate', dbmate[1], dbmate[2]);
  return { kind: 'wrong', problem: wrongName(file) };
}

function versioned(format: MigrationFormat, version = '', name = ''): FileName {
  if (version.length > longestVersion || name.length > longestName) {
    return {
      kind: 'wrong',
      problem: `the version or the name is too long (${longestVersion}, ${longestName})`,
    };
  }
  return { kind: 'versioned', format, version: canonical(version), name };
}

function readRepeatable(name: string): FileName {
  if (name.length > longestName) return { kind: 'wrong', problem: `the name is too long (${longestName})` };
  return { kind: 'repeatable', format: 'flyway', version: repeatableVersion(name), name };
}

/** The version as numbers without leading zeros, joined by dots, without zeros at the end. */
export function canonical(version: string): string {
  const parts = version.split(/[._]/).map((part) => String(BigInt(part)));
  return parts.join('.').replace(/(?:\.0)+$/, '');
}

function wrongName(file: string): string {
  if (/^U\d/.test(file)) return 'migrations are not undone: write a new one that changes things back';
  if (/^B\d/.test(file)) {
    return 'a baseline file of Flyway is not read: name it V…, and say from which version an existing database starts';
  }
  if (callbackName.test(file)) return 'a callback of Flyway is not run: move it out of the folder';
  const hint = suggestion(file);
  return `a migration is named V1__what_it_does.sql${hint === undefined ? '' : `; did you mean ${hint}?`}`;
}

function suggestion(file: string): string | undefined {
  const match = /^v?(\d+(?:[._]\d+)*)[-_. ]+(\D.*)\.sql$/i.exec(file);
  return match ? `V${match[1] ?? ''}__${(match[2] ?? '').replaceAll(' ', '_')}.sql` : undefined;
}
