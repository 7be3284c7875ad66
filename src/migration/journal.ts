/**
 * The table in which the migrator keeps what it has done: one row for each statement, written before the
 * statement runs and finished in the same transaction as a statement that changes data. It lies in the
 * application's own database, so a backup has both or neither.
 *
 * `began` is set inside the statement's transaction, just before the statement. A statement that changes
 * data leaves the transaction open, so after a crash the mark is gone together with the data. One that
 * commits by itself (every schema change) commits the mark first. So a row that is still `running` says:
 * without the mark nothing of the statement is in the database, with it the schema has to tell.
 */

import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import type { MigrationFile, Statement } from './migration-set.ts';

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
  /** Whether the statement was begun and had committed by itself; see above. */
  readonly began: boolean;
  /** What the schema was before the statement; see fingerprint.ts. */
  readonly fingerprintBefore: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | undefined;
  readonly durationMs: number | undefined;
  readonly error: string | undefined;
  /** The database account, with the host it came from. */
  readonly appliedBy: string;
}

export const journalTable = 'holdfast_migration';

const longestError = 4_000;

/** How the row of one statement is found. */
interface RowKey {
  readonly file: MigrationFile;
  readonly statement: Statement;
}

/**
 * The journal of one database. All its statements are prepared on the server and name the database, so
 * that nothing a migration sets for the session can change what they mean. It owns no connection.
 */
export class Journal {
  readonly #connection: Connection;
  readonly #table: string;

  constructor(connection: Connection, database: string) {
    this.#connection = connection;
    this.#table = `\`${database.replaceAll('`', '``')}\`.\`${journalTable}\``;
  }

  /** All rows, by version (as text) and statement; none when there is no table yet. Needs SELECT only. */
  async rows(): Promise<JournalRow[]> {
    try {
      const [rows] = await this.#connection.execute<RowDataPacket[]>(
        `SELECT version, statement, name, hash, checksum, statements, state, began, fingerprint_before,
           TIMESTAMPDIFF(MICROSECOND, '1970-01-01', started_at) DIV 1000 AS started,
           TIMESTAMPDIFF(MICROSECOND, '1970-01-01', finished_at) DIV 1000 AS finished,
           duration_ms, error, applied_by
         FROM ${this.#table} ORDER BY version, statement`,
      );
      return rows.map(readRow);
    } catch (error) {
      if ((error as { errno?: unknown }).errno === noSuchTable) return [];
      throw error;
    }
  }

  /** Makes the table when it is missing. Looks first: a migrator without the right to create may find it there. */
  async prepare(): Promise<void> {
    try {
      await this.#connection.execute(`SELECT 1 FROM ${this.#table} LIMIT 0`);
    } catch (error) {
      if ((error as { errno?: unknown }).errno !== noSuchTable) throw error;
      await this.#connection.query(createTable(this.#table));
    }
  }

  /** Writes that the statement is about to run. Must be committed before it does. */
  async starting({ file, statement }: RowKey, fingerprint: string): Promise<void> {
    await this.#connection.execute(
      `INSERT INTO ${this.#table}
         (version, statement, name, hash, checksum, statements, state, began, fingerprint_before, started_at, applied_by)
       VALUES (?, ?, ?, ?, ?, ?, 'running', 0, ?, UTC_TIMESTAMP(3), USER())
       ON DUPLICATE KEY UPDATE name = VALUES(name), hash = VALUES(hash), checksum = VALUES(checksum),
         statements = VALUES(statements), state = 'running', began = 0,
         fingerprint_before = VALUES(fingerprint_before), started_at = VALUES(started_at),
         finished_at = NULL, duration_ms = NULL, error = NULL, applied_by = VALUES(applied_by)`,
      [
        file.version,
        statement.index,
        file.name,
        statement.hash,
        file.checksum,
        file.statements.length,
        fingerprint,
      ],
    );
  }

  /** To be called in the transaction of the statement, just before it. */
  async beginning(key: RowKey): Promise<void> {
    await this.#update(key, 'began = 1', []);
  }

  /** To be called in the transaction of the statement, just after it. */
  async applied(key: RowKey): Promise<void> {
    await this.#update(
      key,
      `state = 'applied', error = NULL, finished_at = UTC_TIMESTAMP(3),
       duration_ms = TIMESTAMPDIFF(MICROSECOND, started_at, UTC_TIMESTAMP(3)) DIV 1000`,
      [],
    );
  }

  /** Writes that nothing of the statement is in the database, and why. */
  async failed(key: RowKey, message: string): Promise<void> {
    await this.#update(
      key,
      `state = 'failed', error = ?, finished_at = UTC_TIMESTAMP(3),
       duration_ms = TIMESTAMPDIFF(MICROSECOND, started_at, UTC_TIMESTAMP(3)) DIV 1000`,
      [message.slice(0, longestError)],
    );
  }

  /** Whether the statement has committed by itself; see above. To be asked outside its transaction. */
  async hasBegun({ file, statement }: RowKey): Promise<boolean> {
    const [rows] = await this.#connection.execute<RowDataPacket[]>(
      `SELECT began FROM ${this.#table} WHERE version = ? AND statement = ?`,
      [file.version, statement.index],
    );
    return Number(rows[0]?.['began']) === 1;
  }

  /** The applied statements of a file whose later ones have been edited belong to the edited file. */
  async adopt(file: MigrationFile): Promise<void> {
    await this.#connection.execute(
      `UPDATE ${this.#table} SET name = ?, checksum = ?, statements = ? WHERE version = ?`,
      [file.name, file.checksum, file.statements.length, file.version],
    );
    await this.#connection.execute(`DELETE FROM ${this.#table} WHERE version = ? AND statement > ?`, [
      file.version,
      file.statements.length,
    ]);
  }

  async #update({ file, statement }: RowKey, change: string, values: readonly string[]): Promise<void> {
    const [result] = await this.#connection.execute<ResultSetHeader>(
      `UPDATE ${this.#table} SET ${change} WHERE version = ? AND statement = ?`,
      [...values, file.version, statement.index],
    );
    if (result.affectedRows !== 1) {
      throw new Error(`the journal has lost its row for ${file.file}, statement ${statement.index}`);
    }
  }
}

const noSuchTable = 1146;

function createTable(table: string): string {
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
    PRIMARY KEY (version, statement)
  ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COMMENT = 'What Holdfast has migrated; not to be edited'`;
}

function readRow(row: RowDataPacket): JournalRow {
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
    startedAt: new Date(Number(row['started'])),
    finishedAt: row['finished'] === null ? undefined : new Date(Number(row['finished'])),
    durationMs: row['duration_ms'] === null ? undefined : Number(row['duration_ms']),
    error: row['error'] === null ? undefined : String(row['error']),
    appliedBy: String(row['applied_by']),
  };
}
