/** On a shadow a backfill has one chunk: all rows. */

import type { Connection } from 'mysql2/promise';
import type { Backfill } from '../migration-set.ts';
import { quoted } from '../own-tables.ts';

/** Puts the first and the last key of the table into the variables that stand for a chunk. */
export async function chooseWholeTable(connection: Connection, { table, key }: Backfill): Promise<void> {
  const sql = `SELECT MIN(${quoted(key)}), MAX(${quoted(key)}) INTO @chunk_first, @chunk_last FROM ${quoted(table)}`;
  try {
    await connection.query(sql);
  } catch (error) {
    // Without the table the statements fail too, and tell.
    if ((error as { fatal?: unknown }).fatal === true) throw error;
  }
}
