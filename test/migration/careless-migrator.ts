/**
 * The control: a migrator as many are, which writes down what it has done after it has done it. It is here to
 * show that the checks of the kills would notice.
 */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { MigrationSet } from '../../src/migration/migration-set.ts';

/** Thrown where a kill ends it. */
export class Killed extends Error {}

/**
 * Applies `set` over `connection`; `mayGoOn` is asked after every step, and ends it by false as a kill does.
 */
export async function migrateCarelessly(
  connection: Connection,
  set: MigrationSet,
  mayGoOn: () => boolean,
): Promise<void> {
  const step = async (sql: string, values: readonly (string | number)[] = []): Promise<RowDataPacket[]> => {
    const [rows] = await connection.query<RowDataPacket[]>(sql, [...values]);
    if (!mayGoOn()) throw new Killed();
    return rows;
  };
  await step(
    'CREATE TABLE IF NOT EXISTS holdfast_migration (version VARCHAR(100), statement INT, state VARCHAR(10))',
  );
  for (const { version, statements } of set.files) {
    for (const { sql, index } of statements) {
      const key = [version, index];
      const done = await step('SELECT 1 FROM holdfast_migration WHERE version = ? AND statement = ?', key);
      if (done.length > 0) continue;
      await step(sql);
      await step("INSERT INTO holdfast_migration VALUES (?, ?, 'applied')", key);
    }
  }
}
