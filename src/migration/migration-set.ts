/**
 * What is to be applied: the files of one folder, split into statements, in the order of their versions,
 * those that are repeatable last. A set and each of its files are known by a hash of their content.
 */

/** A finding of `migrate lint` that the file allows for one statement. */
export interface Allowance {
  /** Name of the rule, such as `copies-table`. */
  readonly rule: string;
  readonly reason: string;
}

export interface Statement {
  /** From 1. */
  readonly index: number;
  readonly sql: string;
  /** Line of the file where it begins, from 1. */
  readonly line: number;
  /** SHA-256 of `sql` in hex. */
  readonly hash: string;
  /** Running it a second time does no harm: its author says so. Always for those of a repeatable file. */
  readonly repeatable: boolean;
  readonly allowances: readonly Allowance[];
}

/** Each statement of a backfill is run once for every chunk, with the first and the last key in variables. */
export interface Backfill {
  /** The table whose keys are walked, as it is written: `members` or `` `odd name` ``, without quotes. */
  readonly table: string;
  /** A column of `table` that is its own unique key, and not null. */
  readonly key: string;
  /** How many rows a chunk has at most; the migrator may take fewer. */
  readonly rows: number;
}

/** The user variables that stand for the keys of a chunk, both inclusive, in upper case. */
export const chunkVariables = ['CHUNK_FIRST', 'CHUNK_LAST'] as const;

/**
 * When a file is run: `expand` before the new version of the application starts, `backfill` while both
 * versions run, `contract` when no instance of an older one is left.
 */
export type Phase = 'expand' | 'backfill' | 'contract';

export interface MigrationFile {
  /** A repeatable file is run again whenever its checksum has changed, after all versioned ones. */
  readonly kind: 'versioned' | 'repeatable';
  /**
   * What the journal knows it by. Versioned: numbers joined by dots, without leading zeros and trailing `.0`:
   * `V01_2__x.sql` has `1.2`. Repeatable: `R:` and its name.
   */
  readonly version: string;
  /** What stands between the version and `.sql`. */
  readonly name: string;
  /** Name of the file in its folder. */
  readonly file: string;
  readonly phase: Phase;
  /** For the phase `backfill` only. */
  readonly backfill?: Backfill;
  /**
   * SHA-256 in hex of what is applied of its text, without byte order mark and with LF as line end, so that a
   * checkout with other line ends is the same.
   */
  readonly checksum: string;
  /** At least one. */
  readonly statements: readonly Statement[];
}

/** Whose names the files have. */
export type MigrationFormat = 'flyway' | 'golang-migrate' | 'dbmate';

export interface MigrationSet {
  readonly folder: string;
  /** `flyway` for an empty folder. */
  readonly format: MigrationFormat;
  /** By rising version, then the repeatable ones by name; no two have the same version. */
  readonly files: readonly MigrationFile[];
  /** What the reader should know and no error is, in sentences. */
  readonly notes: readonly string[];
  /** SHA-256 in hex over all versions and checksums. */
  readonly id: string;
}

const repeatablePrefix = 'R:';

/** What the journal knows a repeatable file by. */
export function repeatableVersion(name: string): string {
  return `${repeatablePrefix}${name}`;
}

/** Whether the version, as the journal has it, is that of a repeatable file. */
export function isRepeatableVersion(version: string): boolean {
  return version.startsWith(repeatablePrefix);
}

/**
 * The order of two versions, number by number: negative when `a` comes first. Repeatable files come after all
 * others, in the order of their names.
 */
export function compareVersions(a: string, b: string): number {
  if (isRepeatableVersion(a) || isRepeatableVersion(b)) {
    const rank = Number(isRepeatableVersion(a)) - Number(isRepeatableVersion(b));
    return rank !== 0 ? rank : Number(a > b) - Number(a < b);
  }
  const left = a.split('.');
  const right = b.split('.');
  for (let part = 0; part < Math.max(left.length, right.length); part += 1) {
    const difference = BigInt(left[part] ?? '0') - BigInt(right[part] ?? '0');
    if (difference !== 0n) return difference < 0n ? -1 : 1;
  }
  return 0;
}
