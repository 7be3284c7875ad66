/**
 * What of a set may be applied while instances of an older version work: everything that comes before the first
 * file marked `contract`. Pure. Versions are applied in order, so what comes behind a contract waits with it.
 */
import type { MigrationFile } from './migration-set.ts';
import { compareVersions, isRepeatableVersion } from './migration-set.ts';

/**
 * `expand`: what the new version needs before its first instance starts, and the old one survives.
 * `contract`: the rest, once no instance of an older version is left.
 */
export type ReleasePhase = 'expand' | 'contract';

type ContractFile = Pick<MigrationFile, 'file' | 'phase' | 'version'>;

export interface Division<File> {
  /** May be applied now, in this order. */
  readonly now: readonly File[];
  /** Waits until no instance of an older version is left. */
  readonly later: readonly File[];
  /** Why nothing may be applied: a file needs the contract before it. */
  readonly problem?: string;
}

/** Divides what is pending, by rising version. @param fileOf what an entry is about */
export function divideByContract<Entry>(
  pending: readonly Entry[],
  fileOf: (entry: Entry) => Pick<MigrationFile, 'file' | 'phase' | 'version'>,
): Division<Entry> {
  const isContract = (entry: Entry): boolean => fileOf(entry).phase === 'contract';
  const first = pending.find(isContract);
  if (first === undefined) return { now: pending, later: [] };
  const behind = pending
    .slice(pending.indexOf(first))
    .find((entry) => !isContract(entry) && !isRepeatableVersion(fileOf(entry).version));
  const now = pending.filter((entry) => !isContract(entry));
  const later = pending.filter(isContract);
  if (behind === undefined) return { now, later };
  return { now, later, problem: tooFar(fileOf(first).file, fileOf(behind).file) };
}

function tooFar(contract: string, behind: string): string {
  return (
    `${behind} comes after the contract ${contract}, which waits until no instance of an older version is left. ` +
    `Release the files up to ${contract} first, then the rest; or give ${contract} the higher version if it was applied nowhere yet`
  );
}

/** The last contract of a set: instances of a version before it can't work once it is applied. */
export function lastContract<File extends Pick<MigrationFile, 'phase'>>(
  files: readonly File[],
): File | undefined {
  return files.findLast(({ phase }) => phase === 'contract');
}

/** Whether a set has this contract or a later one. @param version of a contract */
export function hasContract(files: readonly ContractFile[], version: string): boolean {
  const own = lastContract(files)?.version;
  return own !== undefined && compareVersions(own, version) >= 0;
}

/** Why a version that has not these contract files can't come into force once they are applied. */
export function closedWayText(files: string): string {
  return (
    `${files} is applied and not among the migrations any more, so this version can't work. ` +
    'Put the file back; what it took away comes back by a new one'
  );
}

/** The contract of a set of which nothing is pending: only the last one says which versions can't come back. */
export function appliedContract(files: readonly ContractFile[]): {
  readonly state: 'applied' | 'none';
  readonly files: readonly string[];
} {
  const last = lastContract(files);
  return last === undefined ? { state: 'none', files: [] } : { state: 'applied', files: [last.file] };
}

/** What is to be known before a contract is applied without a release. */
export function contractWarning(files: readonly Pick<MigrationFile, 'file' | 'phase'>[]): string | undefined {
  const names = files.filter(({ phase }) => phase === 'contract').map(({ file }) => file);
  if (names.length === 0) return undefined;
  return (
    `${names.join(', ')}: a contract takes away what the version before needs: ` +
    'instances of that version fail from now on, and there is no way back to it'
  );
}
