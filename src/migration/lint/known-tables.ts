/** The tables that the running version knows, and their rows, looked at by the names that it knows. */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { journalTable, leaseTable, quoted } from '../own-tables.ts';
import type { KnownTable, TableRows } from './effect.ts';

/** The rows of larger tables are not compared: what is written there is seen by its count only. */
const mostRows = 2_000;

/** The base tables of the database that are small enough to be compared row by row. */
export async function knownTables(connection: Connection, database: string): Promise<KnownTable[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT c.TABLE_NAME AS name, c.COLUMN_NAME AS col, c.COLUMN_KEY = 'PRI' AS is_key
     FROM information_schema.COLUMNS c JOIN information_schema.TABLES t USING (TABLE_SCHEMA, TABLE_NAME)
     WHERE c.TABLE_SCHEMA = ? AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
       AND c.TABLE_NAME NOT IN (?, ?) AND t.TABLE_ROWS <= ? ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION`,
    [database, journalTable, leaseTable, mostRows],
  );
  const tables = new Map<string, { columns: string[]; key: string[] }>();
  for (const { name, col, is_key: isKey } of rows as { name: string; col: string; is_key: number }[]) {
    const table = tables.get(name) ?? { columns: [], key: [] };
    table.columns.push(col);
    if (isKey === 1) table.key.push(col);
    tables.set(name, table);
  }
  return [...tables].map(([name, { columns, key }]) => ({ name, columns, key }));
}

/** What of `tables` can be read now, by tables or views of their names. */
export async function readableTables(
  connection: Connection,
  database: string,
  tables: readonly KnownTable[],
): Promise<KnownTable[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    'SELECT TABLE_NAME AS name, COLUMN_NAME AS col FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ?',
    [database],
  );
  const present = new Set(rows.map((row) => `${String(row['name'])}.${String(row['col'])}`));
  const readable: KnownTable[] = [];
  for (const { name, columns, key } of tables) {
    const isPresent = (column: string): boolean => present.has(`${name}.${column}`);
    const table = { name, columns: columns.filter(isPresent), key: key.filter(isPresent) };
    if (table.columns.length > 0 && (await canBeRead(connection, table))) readable.push(table);
  }
  return readable;
}

/** A view may be there and lead nowhere. */
async function canBeRead(connection: Connection, table: KnownTable): Promise<boolean> {
  try {
    await connection.query(`${rowsText(table)} LIMIT 0`);
    return true;
  } catch (error) {
    if ((error as { fatal?: unknown }).fatal === true) throw error;
    return false;
  }
}

/** The query for all rows of a table, in what it is known for. */
export function rowsText({ name, columns }: KnownTable): string {
  return `SELECT ${columns.map(quoted).join(', ')} FROM ${quoted(name)}`;
}

/** The present rows; the connection must take several statements at once. */
export async function readRows(connection: Connection, tables: readonly KnownTable[]): Promise<TableRows> {
  if (tables.length === 0) return [];
  // With a second statement there are always several sets.
  const sql = [...tables.map(rowsText), 'DO 0'].join(';\n');
  const [sets] = await connection.query<RowDataPacket[][]>({ sql, typeCast: asText });
  return sets.slice(0, tables.length);
}

/** Every value as the server writes it: what a client makes of it is not the question. */
export function asText(field: { string(): string | null }): string | null {
  return field.string();
}
