/**
 * What is to be applied: the files of one folder, split into statements, in the order of their versions.
 * A set and each of its files are known by a hash of their content.
 */

export interface Statement {
  /** From 1. */
  readonly index: number;
  readonly sql: string;
  /** Line of the file where it begins, from 1. */
  readonly line: number;
  /** SHA-256 of `sql` in hex. */
  readonly hash: string;
}

export interface MigrationFile {
  /** Numbers joined by dots, without leading zeros and trailing `.0`: `V01_2__x.sql` has `1.2`. */
  readonly version: string;
  /** What stands between `__` and `.sql`. */
  readonly name: string;
  /** Name of the file in its folder. */
  readonly file: string;
  /** SHA-256 in hex of the text without byte order mark and with LF as line end, so that a checkout with other line ends is the same. */
  readonly checksum: string;
  /** At least one. */
  readonly statements: readonly Statement[];
}

export interface MigrationSet {
  readonly folder: string;
  /** By rising version; no two have the same. */
  readonly files: readonly MigrationFile[];
  /** SHA-256 in hex over all versions and checksums. */
  readonly id: string;
}

/** The order of two versions, number by number: negative when `a` comes first. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.');
  const right = b.split('.');
  for (let part = 0; part < Math.max(left.length, right.length); part += 1) {
    const difference = BigInt(left[part] ?? '0') - BigInt(right[part] ?? '0');
    if (difference !== 0n) return difference < 0n ? -1 : 1;
  }
  return 0;
}
