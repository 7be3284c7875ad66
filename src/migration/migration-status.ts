/**
 * How far a database is with a set of migrations. It reads the journal and nothing else, so an account that
 * may only read the application's tables is enough.
 */

import { OperationError } from '../app/failure.ts';
import { connect, disconnect, reasonOf } from './connect.ts';
import { Journal } from './journal.ts';
import { holderElsewhere } from './lease.ts';
import { lockHolder } from './lock.ts';
import type { MigrationSet } from './migration-set.ts';
import { fileStatuses, type FileState, type FileStatus } from './plan.ts';

export type MigrationState =
  /** Every file of the set is applied as it is now. The database may be ahead of the set. */
  | 'applied'
  | 'pending'
  /** A migrator is at work. */
  | 'running'
  /** A migrator was ended in the middle; the next run goes on. */
  | 'interrupted'
  | 'failed'
  | 'changed'
  | 'missing';

export interface MigrationStatus {
  readonly state: MigrationState;
  /** How many files of the set are applied. */
  readonly applied: number;
  /** How many files of the set are not. */
  readonly pending: number;
  readonly files: readonly FileStatus[];
  /** What is wrong first, in one sentence; none while nothing is. */
  readonly problem?: string;
}

/** The worst first: one file in such a state is what the whole set is said to be. */
const worst = ['changed', 'missing', 'failed', 'unfinished', 'pending'] as const satisfies FileState[];

/** Asks the database of `url` once. Throws `UserError` and `OperationError` when it can't be asked. */
export async function migrationStatus(options: {
  readonly url: string;
  readonly set: MigrationSet;
  /** Breaks the asking off, which then throws as for a lost connection. */
  readonly signal?: AbortSignal;
  /** Only about what instances of this set need: a contract may still be pending. */
  readonly forInstances?: boolean;
}): Promise<MigrationStatus> {
  const target = await connect(options.url, options.signal);
  try {
    const { connection, database } = target;
    const rows = await new Journal(connection, database).rows();
    const all = fileStatuses(options.set, rows);
    const files = options.forInstances === true ? all.filter(isNeeded) : all;
    const isRunning =
      (await lockHolder(connection, database)) !== undefined ||
      (await holderElsewhere(connection, database)) !== undefined;
    return summary(files, isRunning);
  } catch (error) {
    throw new OperationError(`the journal of ${target.database} can't be read: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    await disconnect(target);
  }
}

/** Instances of the set work before its contract is applied as well; what does not fit the journal is told always. */
function isNeeded({ phase, state }: FileStatus): boolean {
  return phase !== 'contract' || state === 'changed' || state === 'missing';
}

/** The state of the whole set; `isRunning` when somebody holds the migrators' lock. */
export function summary(files: readonly FileStatus[], isRunning: boolean): MigrationStatus {
  const known = files.filter(({ file }) => file !== undefined);
  const applied = known.filter(({ state }) => state === 'applied').length;
  const state = worst.find((state) => files.some((file) => file.state === state));
  const problem = files.find((file) => file.state === state)?.problem;
  return {
    state: overall(state, isRunning),
    applied,
    pending: known.length - applied,
    files,
    ...(problem === undefined ? {} : { problem }),
  };
}

function overall(state: (typeof worst)[number] | undefined, isRunning: boolean): MigrationState {
  switch (state) {
    case undefined:
      return 'applied';
    case 'changed':
    case 'missing':
      return state;
    case 'failed':
    case 'pending':
      return isRunning ? 'running' : state;
    case 'unfinished':
      return isRunning ? 'running' : 'interrupted';
  }
}
