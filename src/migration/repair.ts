/**
 * Writes down what a human has found out about a statement that was interrupted: whether it is applied. Who
 * said so, when and why stays in the journal. Nothing else is ever changed by hand.
 */

import type { RowDataPacket } from 'mysql2/promise';
import { UserError } from '../app/failure.ts';
import { readSession, restoreSession } from './connect.ts';
import { Journal } from './journal.ts';
import { holdLocks } from './locks.ts';
import { lockWishes, withTarget, type RunOptions } from './run.ts';

export interface RepairOptions extends Omit<RunOptions, 'set' | 'shadow'> {
  readonly version: string;
  /** From 1. */
  readonly statement: number;
  readonly outcome: 'applied' | 'not-applied';
  /** Who says so; the account of the database is added. */
  readonly by: string;
  readonly reason: string;
}

/** Takes both locks. Throws `UserError` when there is no such statement that is not applied. */
export async function repairMigration(options: RepairOptions): Promise<void> {
  await withTarget(options, async (target) => {
    const { connection, database } = target;
    const { version, statement, outcome, reason } = options;
    await restoreSession(connection, await readSession(connection));
    await using locks = await holdLocks(target, lockWishes(options));
    const journal = new Journal(connection, database);
    const known = (await journal.rows()).find(
      (row) => row.version === version && row.statement === statement,
    );
    const name = `V${version}:${statement}`;
    if (!known) throw new UserError(`the journal has no statement ${name}: migrate status shows what it has`);
    if (known.state === 'applied') throw new UserError(`${name} is applied: there is nothing to repair`);
    await journal.prepare();
    const lease = await locks.takeLease();
    const [[account]] = await connection.query<RowDataPacket[]>('SELECT USER() AS name');
    const by = `${options.by} (${String(account?.['name'])})`;
    if (!(await journal.repair({ version, statement, outcome, by, reason }, lease)))
      throw new UserError(`${name} has become applied meanwhile: there is nothing to repair`);
  });
}
