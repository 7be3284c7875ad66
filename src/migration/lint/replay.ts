/**
 * Sends recorded statements to a database, each in a transaction that is rolled back, and writes down what
 * they do. The connection must take several statements at once and is left as it was; the time stands still
 * for it.
 */

import type { Connection, FieldPacket, RowDataPacket } from 'mysql2/promise';
import { effectOf, type KnownTable, type Row, type TableRows } from './effect.ts';
import { executeText } from './execute-text.ts';
import { asText, readRows, rowsText } from './known-tables.ts';
import type { Observation, ResultTable, ValueKind } from './observation.ts';
import type { RecordedStatement } from './recording.ts';

export interface Replay {
  readonly connection: Connection;
  /** What writes are seen by. */
  readonly tables: readonly KnownTable[];
  /** The rows before each statement. */
  readonly rows: TableRows;
}

/** Gets ready to replay on what is in the database now. */
export async function beginReplay(connection: Connection, tables: readonly KnownTable[]): Promise<Replay> {
  return { connection, tables, rows: await readRows(connection, tables) };
}

/** What one statement does. Rejects when the connection is lost. */
export async function replay(place: Replay, recorded: RecordedStatement): Promise<Observation> {
  const { connection, tables } = place;
  const sql = [
    'START TRANSACTION',
    executeText(recorded.statement, recorded.parameters),
    'SHOW WARNINGS',
    'SELECT @@in_transaction AS open',
    ...tables.map(rowsText),
    'ROLLBACK',
  ].join(';\n');
  try {
    const [sets, fields] = await connection.query<RowDataPacket[][]>({ sql, typeCast: asText });
    return observationOf(place, sets, fields as unknown as (FieldPacket[] | undefined)[]);
  } catch (error) {
    const { errno, message, fatal } = error as { errno?: unknown; message: string; fatal?: unknown };
    if (typeof errno !== 'number' || fatal === true) throw error;
    await connection.query('ROLLBACK');
    return { kind: 'refused', code: errno, message };
  }
}

/** It can't be taken back. The number is of no error of the server. */
const commits = { kind: 'refused', code: 0, message: 'it ends its transaction by itself' } as const;

/** Sets behind those of the statement itself: warnings, the transaction, the tables, the end. */
const ownSets = 3;

function observationOf(
  { tables, rows }: Replay,
  sets: readonly unknown[],
  fields: readonly (FieldPacket[] | undefined)[],
): Observation {
  const behind = sets.length - tables.length - ownSets;
  const [warnings, transaction] = sets.slice(behind) as [Row[], Row[]];
  if (transaction[0]?.['open'] !== '1') return commits;
  const results: ResultTable[] = [];
  let affected: number | undefined;
  for (let index = 1; index < behind; index += 1) {
    const set = sets[index];
    if (Array.isArray(set)) results.push({ columns: columnsOf(fields[index] ?? []), rows: set as Row[] });
    else affected = (set as { affectedRows: number }).affectedRows;
  }
  const present = sets.slice(behind + 2, -1) as Row[][];
  return {
    kind: 'done',
    warnings: warnings.map((row) => Number(row['Code'])),
    results,
    ...(affected === undefined ? {} : { affected }),
    effect: effectOf(tables, rows, present),
  };
}

function columnsOf(fields: readonly FieldPacket[]): Map<string, ValueKind> {
  return new Map(fields.map((field) => [field.name, kindOf(field)]));
}

const binaryCharset = 63;

/** By the numbers of the protocol: https://mariadb.com/kb/en/result-set-packets/#field-types */
const kinds = new Map<number, ValueKind>([
  ...[1, 2, 3, 8, 9, 13].map((type) => [type, 'integer'] as const),
  ...[0, 246].map((type) => [type, 'decimal'] as const),
  ...[4, 5].map((type) => [type, 'float'] as const),
  [10, 'date'],
  ...[7, 12].map((type) => [type, 'datetime'] as const),
  [11, 'time'],
]);

function kindOf({ columnType, type, ...field }: FieldPacket): ValueKind {
  const known = kinds.get(columnType ?? type ?? -1);
  if (known !== undefined) return known;
  return (field as { characterSet?: number }).characterSet === binaryCharset ? 'binary' : 'text';
}
