/**
 * The layout of the journal's table, and how one that an older release has made is brought to it: columns
 * are only added, so that an older release can go on reading.
 */

import type { Connection } from 'mysql2/promise';
import { journalTable, quoted } from './own-tables.ts';

/** Where a journal is read and written. */
export interface JournalPlace {
  readonly connection: Connection;
  /** Quoted, with its database. */
  readonly table: string;
}

/** The journal of `database`. */
export function journalPlace(connection: Connection, database: string): JournalPlace {
  return { connection, table: `${quoted(database)}.${quoted(journalTable)}` };
}

/**
 * Makes the table when it is missing, and completes one of an older release. Looks first: a migrator
 * without the right to create may find it there.
 */
export async function prepareJournal({ connection, table }: JournalPlace): Promise<void> {
  try {
    await connection.execute(probeJournal(table));
  } catch (error) {
    if (!lacksTable(error) && !lacksColumn(error)) throw error;
    await connection.query(lacksTable(error) ? createJournal(table) : upgradeJournal(table));
  }
}

/** Whether a statement failed because there is no such table. */
export function lacksTable(error: unknown): boolean {
  return errnoOf(error) === 1146;
}

/** Whether a statement failed because the table has no such column. */
export function lacksColumn(error: unknown): boolean {
  return errnoOf(error) === 1054;
}

function errnoOf(error: unknown): unknown {
  return (error as { errno?: unknown }).errno;
}

/** SQL that makes the table, whose name is quoted. */
function createJournal(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
    version VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    statement INT UNSIGNED NOT NULL,
    name VARCHAR(200) NOT NULL,
    hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    checksum CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    statements INT UNSIGNED NOT NULL,
    state ENUM('running', 'applied', 'failed') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    began BOOLEAN NOT NULL,
    fingerprint_before CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    started_at DATETIME(3) NOT NULL COMMENT 'UTC',
    finished_at DATETIME(3) NULL COMMENT 'UTC',
    duration_ms BIGINT UNSIGNED NULL,
    error TEXT NULL,
    applied_by VARCHAR(400) NOT NULL,
    ${addedColumns.map(({ name, type }) => `${name} ${type}`).join(',\n    ')},
    PRIMARY KEY (version, statement)
  ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COMMENT = 'What Holdfast has migrated; not to be edited'`;
}

/** SQL that adds to a table of an older release what it lacks. */
function upgradeJournal(table: string): string {
  const added = addedColumns.map(({ name, type }) => `ADD COLUMN IF NOT EXISTS ${name} ${type}`);
  return `ALTER TABLE ${table} ${added.join(', ')}`;
}

/** A query that fails unless the table has every column. */
function probeJournal(table: string): string {
  return `SELECT ${addedColumns.map(({ name }) => name).join(', ')} FROM ${table} LIMIT 0`;
}

/** What the first release did not have. */
const addedColumns = [
  { name: 'epoch', type: "BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'of the lease of who wrote it last'" },
  { name: 'fingerprint_after', type: 'CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL' },
  { name: 'is_single', type: "BOOLEAN NULL COMMENT 'one schema change and nothing else'" },
  { name: 'changes', type: "MEDIUMTEXT NULL COMMENT 'JSON: objects before and after'" },
  { name: 'text', type: "MEDIUMTEXT NULL COMMENT 'the statement, when it is short and has no password'" },
  { name: 'repaired_at', type: "DATETIME(3) NULL COMMENT 'UTC'" },
  { name: 'repaired_by', type: 'VARCHAR(400) NULL' },
  { name: 'repair', type: 'TEXT NULL' },
  { name: 'chunks', type: "TEXT NULL COMMENT 'JSON: how far a backfill is'" },
  { name: 'phase', type: "VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of its file'" },
] as const;
