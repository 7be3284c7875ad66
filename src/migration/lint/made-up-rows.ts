/**
 * Rows for tables of the shadow that have none, so that recorded statements find something. They have the values
 * that recordings have: numbers from 1, texts of so many x, one day in 2020. Rows with the same number belong
 * together, as keys are numbers or texts most of the time.
 */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { journalTable, leaseTable, quoted } from '../own-tables.ts';
import { membersOf } from '../record/schema-words.ts';

/** A column that takes values. */
export interface FillColumn {
  readonly name: string;
  /** As the server names it, such as `varchar`. */
  readonly type: string;
  /** With its lengths or members, such as `varchar(30)`. */
  readonly wholeType: string;
  /** How many characters or bytes it takes. */
  readonly length: number | null;
  readonly isJson: boolean;
}

/** Lengths of the texts of a row; each row has one. */
const textLengths = [8, 16, 4, 32, 2];

/** @returns the tables that have been given rows */
export async function fillEmptyTables(connection: Connection, database: string): Promise<string[]> {
  const filled: string[] = [];
  await connection.query('SET SESSION foreign_key_checks = 0');
  for (const [table, columns] of await fillableTables(connection, database)) {
    const [present] = await connection.query<RowDataPacket[]>(`SELECT 1 FROM ${quoted(table)} LIMIT 1`);
    if (present.length === 0 && (await fill(connection, table, columns))) filled.push(table);
  }
  await connection.query('SET SESSION foreign_key_checks = 1');
  return filled;
}

async function fillableTables(
  connection: Connection,
  database: string,
): Promise<ReadonlyMap<string, readonly FillColumn[]>> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT c.TABLE_NAME AS tab, c.COLUMN_NAME AS name, DATA_TYPE AS type, COLUMN_TYPE AS whole_type,
       CHARACTER_MAXIMUM_LENGTH AS length,
       EXISTS (SELECT 1 FROM information_schema.CHECK_CONSTRAINTS k WHERE k.CONSTRAINT_SCHEMA = c.TABLE_SCHEMA
         AND k.TABLE_NAME = c.TABLE_NAME AND k.CHECK_CLAUSE = CONCAT('json_valid(\`', c.COLUMN_NAME, '\`)')) AS is_json
     FROM information_schema.COLUMNS c JOIN information_schema.TABLES t USING (TABLE_SCHEMA, TABLE_NAME)
     WHERE c.TABLE_SCHEMA = ? AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
       AND c.TABLE_NAME NOT IN (?, ?) AND c.IS_GENERATED = 'NEVER'
     ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION`,
    [database, journalTable, leaseTable],
  );
  const tables = new Map<string, FillColumn[]>();
  for (const row of rows) {
    const table = String(row['tab']);
    const column = {
      name: String(row['name']),
      type: String(row['type']),
      wholeType: String(row['whole_type']),
      length: row['length'] === null ? null : Number(row['length']),
      isJson: row['is_json'] === 1,
    };
    tables.set(table, [...(tables.get(table) ?? []), column]);
  }
  return tables;
}

/** A row that the table does not take is left out: what its rules mean is not known. */
async function fill(connection: Connection, table: string, columns: readonly FillColumn[]): Promise<boolean> {
  const names = columns.map(({ name }) => quoted(name)).join(', ');
  let isFilled = false;
  for (const number of textLengths.keys()) {
    const values = columns.map((column) => madeUpValue(column, number + 1));
    try {
      await connection.query(`INSERT INTO ${quoted(table)} (${names}) VALUES (?)`, [values]);
      isFilled = true;
    } catch (error) {
      if ((error as { fatal?: unknown }).fatal === true) throw error;
    }
  }
  return isFilled;
}

/** The value of a column in the row of that number, from 1; pure. */
export function madeUpValue(column: FillColumn, number: number): string | number | Buffer {
  const { type, wholeType, isJson } = column;
  if (isJson) return '{}';
  const fixed = fixedValues[type];
  if (fixed !== undefined) return fixed;
  if (type === 'enum' || type === 'set') {
    const members = membersOf(wholeType);
    return members[(number - 1) % members.length] ?? '';
  }
  return textOrNumber(column, number);
}

/** Of a key of such a type there is one row. */
const fixedValues: Readonly<Record<string, string>> = {
  date: '2020-01-20',
  datetime: '2020-01-20 03:14:08',
  timestamp: '2020-01-20 03:14:08',
  time: '03:14:08',
  year: '2020',
  uuid: '00000000-0000-4000-8000-000000000001',
  inet6: '::1',
  inet4: '127.0.0.1',
};

function textOrNumber({ type, length }: FillColumn, number: number): string | number | Buffer {
  if (length === null) return number;
  const text = 'x'.repeat(Math.min(textLengths[number - 1] ?? 1, length));
  return /binary|blob/.test(type) ? Buffer.from(text.replaceAll('x', 'a')) : text;
}
