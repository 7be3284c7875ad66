/**
 * What the journal says. Reading needs nothing but SELECT, no lock, and no table: one that is missing has no
 * rows, and one of an older release is read with the columns it has.
 */

import type { RowDataPacket } from 'mysql2/promise';
import { parseProgress, type ChunkProgress } from './backfill/chunk-progress.ts';
import { readRow, type JournalDetails, type JournalRow, type RowKey } from './journal-row.ts';
import { lacksColumn, lacksTable, type JournalPlace } from './journal-table.ts';
import type { SchemaChange } from './schema-difference.ts';

/** What every release has. */
const columns = `version, statement, name, hash, checksum, statements, state, began, fingerprint_before,
  TIMESTAMPDIFF(MICROSECOND, '1970-01-01', started_at) DIV 1000 AS started,
  TIMESTAMPDIFF(MICROSECOND, '1970-01-01', finished_at) DIV 1000 AS finished,
  duration_ms, error, applied_by`;

/** What tables of this release, and of older ones, have besides. */
const added = [
  ', epoch, fingerprint_after, is_single, chunks, phase',
  ', epoch, fingerprint_after, is_single, chunks',
  ', epoch, fingerprint_after, is_single',
  '',
];

/** All rows, by version (as text) and statement; none when there is no table yet. */
export async function readRows(place: JournalPlace): Promise<JournalRow[]> {
  for (const more of added) {
    try {
      return await selectRows(place, `${columns}${more}`);
    } catch (error) {
      if (lacksTable(error)) return [];
      if (!lacksColumn(error) || more === '') throw error;
    }
  }
  return [];
}

async function selectRows({ connection, table }: JournalPlace, selected: string): Promise<JournalRow[]> {
  const [rows] = await connection.execute<RowDataPacket[]>(
    `SELECT ${selected} FROM ${table} ORDER BY version, statement`,
  );
  return rows.map(readRow);
}

/** What is kept of a statement for people; empty for one of an older release. */
export async function readDetails(
  { connection, table }: JournalPlace,
  version: string,
  statement: number,
): Promise<JournalDetails> {
  try {
    const [rows] = await connection.execute<RowDataPacket[]>(
      `SELECT text, changes FROM ${table} WHERE version = ? AND statement = ?`,
      [version, statement],
    );
    const { text, changes } = (rows[0] ?? {}) as Readonly<Record<string, unknown>>;
    return {
      ...(typeof text === 'string' ? { text } : {}),
      ...(typeof changes === 'string' ? { changes: JSON.parse(changes) as SchemaChange } : {}),
    };
  } catch (error) {
    if (lacksColumn(error)) return {};
    throw error;
  }
}

/** How far a statement is that runs in chunks; none before its first. */
export async function readChunks(
  { connection, table }: JournalPlace,
  { file, statement }: RowKey,
): Promise<ChunkProgress | undefined> {
  const [rows] = await connection.execute<RowDataPacket[]>(
    `SELECT chunks FROM ${table} WHERE version = ? AND statement = ?`,
    [file.version, statement.index],
  );
  const json: unknown = rows[0]?.['chunks'];
  return typeof json === 'string' ? parseProgress(json) : undefined;
}

/** What its row says of a statement; only that it has not begun when there is none. */
export async function readStanding(
  { connection, table }: JournalPlace,
  { file, statement }: RowKey,
): Promise<{ began: boolean; state?: string; epoch?: number }> {
  const [rows] = await connection.execute<RowDataPacket[]>(
    `SELECT began, state, epoch FROM ${table} WHERE version = ? AND statement = ?`,
    [file.version, statement.index],
  );
  const [row] = rows;
  if (!row) return { began: false };
  return { began: Number(row['began']) === 1, state: String(row['state']), epoch: Number(row['epoch']) };
}
