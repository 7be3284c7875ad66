/**
 * Writes that change what the journal says of statements which are not running: rows that are taken over from another
 * migrator or another tool, that follow an edited file, or that a human decides about. Each is to be called in a
 * transaction that renews the lease (journal.ts); nothing here commits.
 */

import type { ResultSetHeader } from 'mysql2/promise';
import type { JournalPlace } from './journal-table.ts';
import { rowOf, shortError } from './journal-writing.ts';
import type { HeldLease } from './lease.ts';
import type { MigrationFile } from './migration-set.ts';
import type { TakenFile } from './take-over/findings.ts';

/** A decision of a human about a statement that was interrupted. */
export interface Repair {
  readonly version: string;
  readonly statement: number;
  readonly outcome: 'applied' | 'not-applied';
  readonly by: string;
  readonly reason: string;
}

/** Makes the rows that are `running` this migrator's, but for those of an older release, whose epoch is 0. */
export async function takeOverRunning({ connection, table }: JournalPlace, lease: HeldLease): Promise<void> {
  await connection.execute(`UPDATE ${table} SET epoch = ? WHERE state = 'running' AND epoch > 0`, [
    lease.epoch,
  ]);
}

/** Makes the rows of a file say that they belong to what it is now. */
export async function adoptFile({ connection, table }: JournalPlace, file: MigrationFile): Promise<void> {
  await connection.execute(`UPDATE ${table} SET name = ?, checksum = ?, statements = ? WHERE version = ?`, [
    file.name,
    file.checksum,
    file.statements.length,
    file.version,
  ]);
  await connection.execute(`DELETE FROM ${table} WHERE version = ? AND statement > ?`, [
    file.version,
    file.statements.length,
  ]);
}

/** Removes the rows of a version. */
export async function forgetVersion({ connection, table }: JournalPlace, version: string): Promise<void> {
  await connection.execute(`DELETE FROM ${table} WHERE version = ?`, [version]);
}

/** Writes that every statement of `files` is applied, by whom and why that is known. */
export async function countFiles(
  { connection, table }: JournalPlace,
  files: readonly TakenFile[],
  { by, reason }: Pick<Repair, 'by' | 'reason'>,
  lease: HeldLease,
): Promise<void> {
  for (const { file, at, by: appliedBy } of files) {
    const when = (at ?? new Date()).getTime() / 1000;
    for (const statement of file.statements) {
      const row = { ...rowOf({ file, statement }, lease), began: 1, fingerprint_before: '' };
      const names = Object.keys(row);
      await connection.execute(
        `INSERT INTO ${table} (${names.join(', ')}, state, started_at, finished_at, applied_by,
           repaired_at, repaired_by, repair)
         VALUES (${names.map(() => '?').join(', ')}, 'applied', '1970-01-01' + INTERVAL ? SECOND,
           '1970-01-01' + INTERVAL ? SECOND, IFNULL(?, USER()), UTC_TIMESTAMP(3), CONCAT(?, ' (', USER(), ')'), ?)`,
        [...Object.values(row), when, when, appliedBy ?? null, by, reason],
      );
    }
  }
}

/** Writes down what a human says. @returns whether there was a statement to decide about */
export async function writeRepair(
  { connection, table }: JournalPlace,
  { version, statement, outcome, by, reason }: Repair,
  lease: HeldLease,
): Promise<boolean> {
  const [result] = await connection.execute<ResultSetHeader>(
    `UPDATE ${table} SET epoch = ?, state = ?, error = ?, finished_at = UTC_TIMESTAMP(3),
       repaired_at = UTC_TIMESTAMP(3), repaired_by = ?, repair = ?
     WHERE version = ? AND statement = ? AND state <> 'applied'`,
    [
      lease.epoch,
      outcome === 'applied' ? 'applied' : 'failed',
      outcome === 'applied' ? null : shortError(`said not to be applied: ${reason}`),
      by,
      `${outcome}: ${reason}`,
      version,
      statement,
    ],
  );
  return result.affectedRows === 1;
}
