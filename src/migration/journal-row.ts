/** A row of the journal, as it is read, and how it is found. */

import type { RowDataPacket } from 'mysql2/promise';
import { parseProgress, type ChunkProgress } from './backfill/chunk-progress.ts';
import type { MigrationFile, Statement } from './migration-set.ts';
import type { SchemaChange } from './schema-difference.ts';

/** How the row of one statement is found. */
export interface RowKey {
  readonly file: MigrationFile;
  readonly statement: Statement;
}

export interface JournalRow {
  readonly version: string;
  /** Index of the statement in its file, from 1. */
  readonly statement: number;
  readonly name: string;
  /** SHA-256 of the statement in hex. */
  readonly hash: string;
  /** SHA-256 of the file in hex. */
  readonly checksum: string;
  /** How many statements the file has. */
  readonly statements: number;
  readonly state: 'running' | 'applied' | 'failed';
  /** Whether its file was a contract; none in a row of an older release. */
  readonly isContract?: boolean;
  /** Whether the statement was begun and had committed by itself; see journal.ts. */
  readonly began: boolean;
  /** What the schema was before the statement; see fingerprint.ts. */
  readonly fingerprintBefore: string;
  /** What it should be after it; none when that was not known. */
  readonly fingerprintAfter?: string;
  /** Whether the statement is one schema change and nothing else; none when that was not known. */
  readonly isSingle?: boolean;
  /** Of the lease of who wrote it last; 0 for a row of an older release, with its own kind of fingerprint. */
  readonly epoch: number;
  /** How far it is, when it is run in chunks and has had one. */
  readonly chunks?: ChunkProgress;
  readonly startedAt: Date;
  readonly finishedAt: Date | undefined;
  readonly durationMs: number | undefined;
  readonly error: string | undefined;
  /** The database account, with the host it came from. */
  readonly appliedBy: string;
}

/** What is kept of a statement to be shown. */
export interface JournalDetails {
  /** Its text; none when it is long or may hold a password. */
  readonly text?: string;
  /** The objects it was to change. */
  readonly changes?: SchemaChange;
}

/** Reads a row; the columns that an older release has not are undefined. */
export function readRow(row: RowDataPacket): JournalRow {
  const {
    fingerprint_after: after,
    is_single: isSingle,
    chunks: json,
    phase,
  } = row as Record<string, unknown>;
  const chunks = typeof json === 'string' ? parseProgress(json) : undefined;
  return {
    version: String(row['version']),
    statement: Number(row['statement']),
    name: String(row['name']),
    hash: String(row['hash']),
    checksum: String(row['checksum']),
    statements: Number(row['statements']),
    state: row['state'] as JournalRow['state'],
    began: Number(row['began']) === 1,
    fingerprintBefore: String(row['fingerprint_before']),
    ...(typeof after === 'string' ? { fingerprintAfter: after } : {}),
    ...(typeof isSingle === 'number' ? { isSingle: isSingle === 1 } : {}),
    ...(chunks === undefined ? {} : { chunks }),
    ...(typeof phase === 'string' ? { isContract: phase === 'contract' } : {}),
    epoch: Number(row['epoch'] ?? 0),
    startedAt: new Date(Number(row['started'])),
    finishedAt: row['finished'] === null ? undefined : new Date(Number(row['finished'])),
    durationMs: row['duration_ms'] === null ? undefined : Number(row['duration_ms']),
    error: row['error'] === null ? undefined : String(row['error']),
    appliedBy: String(row['applied_by']),
  };
}
