/** Sends a query of the corpus in a transaction that is rolled back, and compares what it did on two schemas. */

import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { parameterValue, type CorpusQuery, type How } from './corpus.ts';

type Rows = readonly Readonly<Record<string, unknown>>[];

export interface Observation {
  /** What the server refused it with. */
  readonly error?: string;
  /** Codes of warnings. */
  readonly warnings: readonly number[];
  /** What a read returned, or what the check of a write did; none when the check itself can't be run. */
  readonly rows: Rows | undefined;
  /** Of a write. */
  readonly affected?: number;
}

type Result = RowDataPacket[] | ResultSetHeader;

/** What the query does. The connection must give dates as texts. */
export async function observe(connection: Connection, query: CorpusQuery): Promise<Observation> {
  await connection.query('START TRANSACTION');
  try {
    const [result] = await connection.execute<Result>(query.sql, query.params.map(parameterValue));
    const [warnings] = await connection.query<RowDataPacket[]>('SHOW WARNINGS');
    const codes = warnings.map((row) => Number(row['Code']));
    if (Array.isArray(result)) return { warnings: codes, rows: plain(result) };
    return { warnings: codes, rows: await check(connection, query), affected: result.affectedRows };
  } catch (error) {
    return { error: (error as Error).message, warnings: [], rows: [] };
  } finally {
    await connection.query('ROLLBACK');
  }
}

/** The check is not of the old version: that it fails means nothing. */
async function check(connection: Connection, { check }: CorpusQuery): Promise<Rows | undefined> {
  if (check === undefined) return [];
  try {
    const [rows] = await connection.query<RowDataPacket[]>(check);
    return plain(rows);
  } catch {
    return undefined;
  }
}

function plain(rows: readonly RowDataPacket[]): Record<string, unknown>[] {
  return rows.map((row) => ({ ...row }));
}

/** How the query notices what lies between the two; undefined when it does not. */
export function difference(query: CorpusQuery, before: Observation, after: Observation): How | undefined {
  if (after.error !== undefined) return 'error';
  const isWrite = before.affected !== undefined;
  if (before.affected !== after.affected || !sameRows(query, before.rows, after.rows)) {
    return isWrite ? 'effect' : 'rows';
  }
  return after.warnings.some((code) => !before.warnings.includes(code)) ? 'warning' : undefined;
}

/** Further columns are tolerated, and another order where none was asked for. */
function sameRows(query: CorpusQuery, before: Rows | undefined, after: Rows | undefined): boolean {
  if (before === undefined || after === undefined) return true;
  const columns = Object.keys(before[0] ?? {});
  const texts = (rows: Rows): string[] => {
    const all = rows.map((row) =>
      JSON.stringify(columns.map((name) => row[name] ?? (name in row ? null : undefined))),
    );
    return /\bORDER BY\b/i.test(query.check ?? query.sql) ? all : all.toSorted();
  };
  return JSON.stringify(texts(before)) === JSON.stringify(texts(after));
}
