/**
 * How far one statement of a backfill is: what the journal keeps of it, as JSON, committed together with each
 * chunk. Pure. The last key is only worth something for the same statement over the same keys.
 */

import type { Backfill, Statement } from '../migration-set.ts';

export interface ChunkProgress {
  /** Of the statement that has been run. */
  readonly hash: string;
  readonly table: string;
  readonly key: string;
  /** The last key of the last chunk, as text; see key-column.ts. */
  readonly last: string;
  /** How many rows the chunks have had. */
  readonly rows: number;
  /** How many the table had at the beginning, as the server estimated. */
  readonly total: number;
  /** How long it has been at work, with pauses, in ms. */
  readonly ms: number;
}

/** What is to be shown of a backfill. */
export interface BackfillStatus {
  readonly rows: number;
  /** An estimate; never below `rows`. */
  readonly total: number;
  /** At the pace so far, in ms; none while that is not known. */
  readonly remainingMs?: number;
}

/** Reads what the journal has; none when it is no progress. */
export function parseProgress(json: string): ChunkProgress | undefined {
  try {
    return JSON.parse(json) as ChunkProgress;
  } catch {
    // Cut off or written by hand: it tells nothing.
    return undefined;
  }
}

/** Whether the chunks so far were chunks of this very statement. */
export function isProgressOf(
  { hash, table, key }: ChunkProgress,
  statement: Statement,
  backfill: Backfill,
): boolean {
  return hash === statement.hash && table === backfill.table && key === backfill.key;
}

export function backfillStatus({ rows, total, ms }: ChunkProgress): BackfillStatus {
  const all = Math.max(rows, total);
  const pace = rows > 0 ? { remainingMs: Math.round((ms / rows) * (all - rows)) } : {};
  return { rows, total: all, ...pace };
}

/** Such as `1200 of about 5000 rows, about 3 min left`. */
export function describeBackfill({ rows, total, remainingMs }: BackfillStatus): string {
  const left = remainingMs === undefined ? '' : `, about ${describeTime(remainingMs)} left`;
  return `${rows} of about ${total} rows${left}`;
}

function describeTime(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}
