/**
 * The column that a backfill walks along: whether it can be walked, and how a key is kept as text and becomes a
 * value again that is compared exactly as the column is.
 */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { Backfill } from '../migration-set.ts';
import { quoted } from '../own-tables.ts';

export interface KeyColumn {
  /** Table and column as SQL has them. */
  readonly table: string;
  readonly column: string;
  /** SQL of a key as text. */
  readonly text: (value: string) => string;
  /** SQL of the key whose text is a parameter. */
  readonly value: string;
  /** How many rows the table has, as the server estimates. */
  readonly rows: number;
}

interface ColumnFacts {
  readonly type: string;
  readonly columnType: string;
  readonly charset: string | null;
  readonly collation: string | null;
  readonly nullable: string;
  readonly extra: string;
  readonly generated: string | null;
}

/** Finds it. @returns why it can't be walked instead */
export async function readKeyColumn(
  connection: Connection,
  database: string,
  { table, key }: Backfill,
): Promise<KeyColumn | string> {
  const [[found]] = await connection.query<RowDataPacket[]>(
    `SELECT t.TABLE_TYPE AS kind, IFNULL(t.TABLE_ROWS, 0) AS estimate, IFNULL(e.TRANSACTIONS, 'NO') AS transactions
     FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
     WHERE t.TABLE_SCHEMA = ? AND t.TABLE_NAME = ?`,
    [database, table],
  );
  const { kind, estimate, transactions } = (found ?? {}) as Record<string, unknown>;
  if (kind === undefined) return `there is no table ${table} to walk`;
  if (kind === 'VIEW') return `${table} is a view: name the table below it`;
  if (transactions !== 'YES')
    return `the table ${table} has no transactions: a chunk can't be committed together with its place`;
  const [[facts]] = await connection.query<RowDataPacket[]>(
    `SELECT DATA_TYPE AS type, COLUMN_TYPE AS columnType, CHARACTER_SET_NAME AS charset, COLLATION_NAME AS collation,
       IS_NULLABLE AS nullable, EXTRA AS extra, GENERATION_EXPRESSION AS generated
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND COLUMN_NAME = ?`,
    [database, table, key],
  );
  if (!facts) return `the table ${table} has no column ${key} to walk along`;
  const column = facts as unknown as ColumnFacts;
  const obstacle = obstacleOf(`${table}.${key}`, column);
  if (obstacle !== undefined) return obstacle;
  if (!(await isUnique(connection, database, { table, key })))
    return `${table}.${key} has no unique index of its own: rows of one key could be in two chunks`;
  const form = formOf(column);
  if (!form)
    return `${table}.${key} is a ${column.type}: a backfill walks along numbers, texts, dates or binary keys`;
  return {
    table: `${quoted(database)}.${quoted(table)}`,
    column: quoted(key),
    rows: Number(estimate),
    ...form,
  };
}

/** What is against a column that a statement may change behind the migrator's back. */
function obstacleOf(name: string, { nullable, extra, generated }: ColumnFacts): string | undefined {
  if (nullable === 'YES') return `${name} may be NULL: a row without a key would be left out`;
  if (generated !== null) return `${name} is generated: its value changes with other columns`;
  if (/on update/i.test(extra)) return `${name} changes by itself (${extra}): a row could be walked twice`;
  return undefined;
}

async function isUnique(
  connection: Connection,
  database: string,
  { table, key }: Pick<Backfill, 'table' | 'key'>,
): Promise<boolean> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?
     GROUP BY INDEX_NAME HAVING COUNT(*) = 1 AND MAX(NON_UNIQUE) = 0 AND MAX(COLUMN_NAME) = ? AND MAX(SUB_PART) IS NULL`,
    [database, table, key],
  );
  return rows.length > 0;
}

const integers = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint']);

/** Texts and values of keys by type. None of a type whose order or equality is not that of its text. */
function formOf(column: ColumnFacts): Pick<KeyColumn, 'text' | 'value'> | undefined {
  const { type, columnType, charset, collation } = column;
  const asText = (value: string): string => `CONVERT(${value} USING utf8mb4)`;
  if (integers.has(type)) {
    return { text: asText, value: `CAST(? AS ${columnType.includes('unsigned') ? 'UNSIGNED' : 'SIGNED'})` };
  }
  switch (type) {
    case 'decimal':
      return { text: asText, value: `CAST(? AS ${columnType.replace(/ .*/, '')})` };
    case 'char':
    case 'varchar':
      return { text: asText, value: `CONVERT(? USING ${charset ?? ''}) COLLATE ${collation ?? ''}` };
    case 'binary':
    case 'varbinary':
      return { text: (value) => `HEX(${value})`, value: 'UNHEX(?)' };
    case 'date':
      return { text: asText, value: 'CAST(? AS DATE)' };
    case 'datetime':
      return { text: asText, value: 'CAST(? AS DATETIME(6))' };
    case 'uuid':
      return { text: asText, value: 'CAST(? AS UUID)' };
    default:
      return undefined;
  }
}
