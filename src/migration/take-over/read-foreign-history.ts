/**
 * Reads the table of the tool that has migrated a database so far, and what else the decision needs. Nothing
 * is changed; the account needs SELECT.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { UserError } from '../../app/failure.ts';
import type { MigrationSet } from '../migration-set.ts';
import { flywayChecksum } from './flyway-checksum.ts';
import { foreignTables, type FlywayRow, type ForeignHistory, type ForeignTool } from './foreign-history.ts';
import { toolOf } from './history-layout.ts';

export interface ForeignTable {
  readonly database: string;
  /** The tool's table, when it is not named as the tool names it by itself. */
  readonly table?: string;
}

/**
 * Finds the history in `database`; none when there is no such table. Throws `UserError` when there are two, or
 * when the table is no tool's.
 */
export async function readForeignHistory(
  connection: Connection,
  { database, table }: ForeignTable,
): Promise<ForeignHistory | undefined> {
  const names = table === undefined ? [...new Set(Object.values(foreignTables))] : [table];
  const found: string[] = [];
  for (const name of names) if ((await columnsOf(connection, database, name)).size > 0) found.push(name);
  const [name] = found;
  if (name === undefined) return undefined;
  if (found.length > 1) {
    throw new UserError(`${database} has ${found.join(' and ')}: name the one that is in use`);
  }
  const tool = toolOf(await columnsOf(connection, database, name));
  if (tool === undefined) {
    throw new UserError(`${database}.${name} is a table neither of Flyway, golang-migrate nor dbmate`);
  }
  return readers[tool](connection, { name, sql: `${quote(database)}.${quote(name)}` });
}

/** The tables in `database` that are named and made as another tool does it. */
export async function findForeignTables(connection: Connection, database: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of new Set(Object.values(foreignTables)))
    if (toolOf(await columnsOf(connection, database, name)) !== undefined) found.push(name);
  return found;
}

async function columnsOf(connection: Connection, database: string, table: string): Promise<Set<string>> {
  const [rows] = await connection.execute<RowDataPacket[]>(
    'SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
    [database, table],
  );
  return new Set(rows.map((row) => String(row['name']).toLowerCase()));
}

function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

interface Table {
  readonly name: string;
  readonly sql: string;
}

type Reader = (connection: Connection, table: Table) => Promise<ForeignHistory>;

const readers: Readonly<Record<ForeignTool, Reader>> = {
  flyway: readFlyway,
  'golang-migrate': readGolang,
  dbmate: readDbmate,
};

async function readFlyway(connection: Connection, { name, sql }: Table): Promise<ForeignHistory> {
  const [rows] = await connection.execute<RowDataPacket[]>(
    `SELECT installed_rank, version, description, type, script, checksum, installed_by, success,
       UNIX_TIMESTAMP(installed_on) AS installed FROM ${sql} ORDER BY installed_rank`,
  );
  return { tool: 'flyway', table: name, rows: rows.map(readFlywayRow) };
}

function readFlywayRow(row: RowDataPacket): FlywayRow {
  return {
    rank: Number(row['installed_rank']),
    version: row['version'] === null ? undefined : String(row['version']),
    description: String(row['description']),
    type: String(row['type']),
    script: String(row['script']),
    checksum: row['checksum'] === null ? undefined : Number(row['checksum']),
    installedBy: String(row['installed_by']),
    installedAt: new Date(Number(row['installed']) * 1000),
    success: Number(row['success']) === 1,
  };
}

async function readGolang(connection: Connection, { name, sql }: Table): Promise<ForeignHistory> {
  const [rows] = await connection.execute<RowDataPacket[]>(
    `SELECT CAST(version AS CHAR) AS version, dirty FROM ${sql} ORDER BY ${sql}.version DESC LIMIT 1`,
  );
  const [row] = rows;
  const version = row === undefined ? undefined : String(row['version']);
  return { tool: 'golang-migrate', table: name, version, dirty: Number(row?.['dirty']) === 1 };
}

async function readDbmate(connection: Connection, { name, sql }: Table): Promise<ForeignHistory> {
  const [rows] = await connection.execute<RowDataPacket[]>(`SELECT version FROM ${sql}`);
  return { tool: 'dbmate', table: name, versions: rows.map((row) => String(row['version'])) };
}

/** Flyway's checksums of the files of a set, which are read again as they are on the disk. */
export async function readFlywayChecksums({ folder, files }: MigrationSet): Promise<Map<string, number>> {
  const checksums = new Map<string, number>();
  for (const { file } of files) checksums.set(file, flywayChecksum(await readFile(join(folder, file))));
  return checksums;
}
