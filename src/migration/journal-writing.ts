/**
 * Writes of the row of one statement, each to be made in a transaction (journal.ts says of which kind): nothing here
 * commits. A row is changed only while it has the epoch of whoever changes it; otherwise `LeaseLost` is thrown.
 */

import type { Write } from './combined-writes.ts';
import type { RowKey } from './journal-row.ts';
import { LeaseLost, type HeldLease } from './lease.ts';
import { mayHoldPassword } from './migration-failure.ts';
import type { SchemaChange } from './schema-difference.ts';

const longestError = 4_000;
/** Of what is kept for people, in characters: a journal of data files would become as large as the data. */
const longestText = 16_000;

/** What the schema is before a statement, and what is known of it afterwards. */
export interface Expectation {
  readonly before: string;
  readonly after?: string;
  readonly isSingle?: boolean;
  readonly changes?: SchemaChange;
}

/** That the statement is running. */
export function runningWrite(
  table: string,
  key: RowKey,
  { before, after, isSingle, changes }: Expectation,
  { lease, began }: { lease: HeldLease; began: boolean },
): Write {
  const row = {
    ...rowOf(key, lease),
    began: Number(began),
    fingerprint_before: before,
    fingerprint_after: after ?? null,
    is_single: isSingle === undefined ? null : Number(isSingle),
    changes: shortOrNull(changes && JSON.stringify(changes)),
  };
  const names = Object.keys(row);
  return {
    sql: `INSERT INTO ${table} (${names.join(', ')}, state, started_at, applied_by)
     VALUES (${names.map(() => '?').join(', ')}, 'running', UTC_TIMESTAMP(3), USER())
     ON DUPLICATE KEY UPDATE ${names.map((name) => `${name} = VALUES(${name})`).join(', ')},
       state = 'running', started_at = VALUES(started_at), finished_at = NULL, duration_ms = NULL, error = NULL,
       applied_by = VALUES(applied_by)`,
    values: Object.values(row),
  };
}

/** That the statement is about to commit by itself, if it does. */
export function beganWrite(table: string, key: RowKey, lease: HeldLease): Write {
  return update(table, key, lease, { change: 'began = 1', values: [] });
}

export function appliedWrite(table: string, key: RowKey, lease: HeldLease): Write {
  return update(table, key, lease, { change: `state = 'applied', error = NULL, ${finishedNow}`, values: [] });
}

export function failedWrite(table: string, key: RowKey, lease: HeldLease, message: string): Write {
  const change = `state = 'failed', error = ?, ${finishedNow}`;
  return update(table, key, lease, { change, values: [shortError(message)] });
}

/** How far a statement is that runs in chunks, as JSON. */
export function chunksWrite(table: string, key: RowKey, lease: HeldLease, json: string): Write {
  return update(table, key, lease, { change: 'chunks = ?', values: [json] });
}

const finishedNow = `finished_at = UTC_TIMESTAMP(3),
  duration_ms = TIMESTAMPDIFF(MICROSECOND, started_at, UTC_TIMESTAMP(3)) DIV 1000`;

function update(
  table: string,
  { file, statement }: RowKey,
  lease: HeldLease,
  { change, values }: { readonly change: string; readonly values: readonly string[] },
): Write {
  return {
    sql: `UPDATE ${table} SET ${change} WHERE version = ? AND statement = ? AND epoch = ?`,
    values: [...values, file.version, statement.index, lease.epoch],
    otherwise: () =>
      new LeaseLost(`its row for ${file.file}, statement ${statement.index}, is another's now`),
  };
}

/** What a row says of its statement and file, by column. */
export function rowOf(
  { file, statement }: RowKey,
  { epoch }: HeldLease,
): Readonly<Record<string, string | number | null>> {
  return {
    version: file.version,
    statement: statement.index,
    name: file.name,
    hash: statement.hash,
    checksum: file.checksum,
    statements: file.statements.length,
    text: mayHoldPassword(statement.sql) ? null : shortOrNull(statement.sql),
    epoch,
    phase: file.phase,
  };
}

/** The part of a message that the journal has room for. */
export function shortError(message: string): string {
  return message.slice(0, longestError);
}

function shortOrNull(text: string | undefined): string | null {
  return text === undefined || text.length > longestText ? null : text;
}
