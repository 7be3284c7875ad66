/** How large the live tables are, and from when on that matters. */

import type { Connection, RowDataPacket } from 'mysql2/promise';

/** Of a live table, as the server estimates it. */
export interface TableSize {
  readonly rows: number;
  /** With its indexes. */
  readonly bytes: number;
}

/** By name. */
export type TableSizes = ReadonlyMap<string, TableSize>;

export const megabyte = 1_048_576;

/** A table up to this size is written anew in about a second. */
export const smallBytes = 20 * megabyte;

export async function readTableSizes(connection: Connection, database: string): Promise<TableSizes> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT TABLE_NAME AS name, TABLE_ROWS AS count, DATA_LENGTH + INDEX_LENGTH AS bytes
     FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND DATA_LENGTH IS NOT NULL`,
    [database],
  );
  return new Map(
    rows.map((row) => [String(row['name']), { rows: Number(row['count']), bytes: Number(row['bytes']) }]),
  );
}
