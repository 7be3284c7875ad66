/**
 * Writes into the journal that files count as applied which Holdfast has not run: because another tool's
 * history proves it, or because somebody says so. Nothing of the files is run, and nothing is written unless
 * all of it is: the rows are written with both locks, in the transaction that renews the lease.
 */

import { UserError } from '../../app/failure.ts';
import type { Target } from '../connect.ts';
import { readSession, restoreSession } from '../connect.ts';
import { Journal } from '../journal.ts';
import { holdLocks } from '../locks.ts';
import type { Site } from '../look.ts';
import { MigrationRefused } from '../migration-failure.ts';
import type { MigrationSet } from '../migration-set.ts';
import { lockWishes, withTarget, type RunOptions } from '../run.ts';
import type { TakeOverSource } from './findings.ts';
import { historyOfTool } from './foreign-obstacle.ts';
import { baseline, takeOver, type TakeOver } from './take-over.ts';

export interface TakeOverOptions extends Omit<RunOptions, 'shadow'> {
  /** Who does it; the account of the database is added. */
  readonly by: string;
  /** The tool's table, when it is not named as the tool names it by itself. */
  readonly table?: string;
}

export interface BaselineOptions extends Omit<RunOptions, 'shadow'> {
  readonly by: string;
  /** The last version that the database has. */
  readonly version: string;
  readonly reason: string;
}

export interface TakenOver {
  /** Names of the files that count as applied now, in order. */
  readonly files: readonly string[];
  /** What could not be checked, in sentences. */
  readonly notes: readonly string[];
  /** As the journal has it. */
  readonly reason: string;
}

/**
 * Takes over what Flyway, golang-migrate or dbmate has applied. Throws `MigrationRefused` with every reason
 * against it, `UserError` when there is no history, and as `runMigrations` for the connection.
 */
export async function takeOverDatabase(options: TakeOverOptions): Promise<TakenOver> {
  const { set, table } = options;
  return count(options, async ({ connection, database, journal }) => {
    const place = { database, ...(table === undefined ? {} : { table }) };
    const found = await historyOfTool(connection, set, place);
    if (!found) {
      throw new UserError(
        `${database} has no ${table ?? 'flyway_schema_history or schema_migrations'}: ` +
          'name the table with --table, or say which version the database has with holdfast migrate baseline',
      );
    }
    return takeOver(found.history, { set, checksums: found.checksums, journaled: await versions(journal) });
  });
}

/** Counts everything up to a version as applied. Throws as `takeOverDatabase`. */
export async function baselineDatabase(options: BaselineOptions): Promise<TakenOver> {
  return count(options, async ({ journal }) => {
    const source: TakeOverSource = {
      set: options.set,
      checksums: new Map(),
      journaled: await versions(journal),
    };
    return baseline(source, options);
  });
}

async function versions(journal: Journal): Promise<string[]> {
  return [...new Set((await journal.rows()).map(({ version }) => version))];
}

interface Request extends Omit<RunOptions, 'shadow'> {
  readonly set: MigrationSet;
  readonly by: string;
}

/** `decide` is asked again once nobody else can write: on Galera another node may just have. */
async function count(options: Request, decide: (site: Site) => Promise<TakeOver>): Promise<TakenOver> {
  return withTarget(options, async (target: Target) => {
    const { connection, database } = target;
    await restoreSession(connection, await readSession(connection));
    const site: Site = { connection, database, journal: new Journal(connection, database) };
    await using locks = await holdLocks(target, lockWishes(options));
    requireTaken(await decide(site));
    await site.journal.prepare();
    const lease = await locks.takeLease();
    const { files, notes, reason } = requireTaken(await decide(site));
    await site.journal.countAsApplied(files, { by: options.by, reason }, lease);
    return { files: files.map(({ file }) => file.file), notes, reason };
  });
}

function requireTaken(decision: TakeOver): Extract<TakeOver, { kind: 'taken' }> {
  if (decision.kind === 'refused') throw new MigrationRefused(decision.problems);
  return decision;
}
