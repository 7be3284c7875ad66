/** What of the live server decides about how statements come out, so that the shadow can be given the same. */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { quoted } from '../own-tables.ts';

export interface LiveSettings {
  readonly database: string;
  /** Makes a database of the same name, character set and collation. */
  readonly createDatabase: string;
  /** The name of the migrator's account, without its host. */
  readonly user: string;
  /** The host of the account, such as %. */
  readonly host: string;
  /** Such as 10.11.6-MariaDB-log. */
  readonly version: string;
  /** Variables of the server to be started with, by name. */
  readonly startOptions: Readonly<Record<string, string>>;
}

/** Those that change what a definition becomes or whether it is taken. */
const variables = [
  'character_set_server',
  'collation_server',
  'default_storage_engine',
  'explicit_defaults_for_timestamp',
  'innodb_default_row_format',
  'innodb_page_size',
  'innodb_strict_mode',
  'lower_case_table_names',
  'max_allowed_packet',
  'sql_mode',
] as const;

export async function readLiveSettings(connection: Connection, database: string): Promise<LiveSettings> {
  const selected = variables.map((name) => `@@GLOBAL.${name} AS ${name}`).join(', ');
  const [[globals = {}]] = await connection.query<RowDataPacket[]>(`SELECT ${selected}`);
  const [[about = {}]] = await connection.query<RowDataPacket[]>(
    `SELECT VERSION() AS version, CURRENT_USER() AS account, DEFAULT_CHARACTER_SET_NAME AS charset,
       DEFAULT_COLLATION_NAME AS collation FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?`,
    [database],
  );
  const { version, account, charset, collation } = about as Record<string, unknown>;
  const options = variables.map(
    (name) => [name, String((globals as Record<string, unknown>)[name])] as const,
  );
  return {
    database,
    createDatabase: `CREATE DATABASE ${quoted(database)} CHARACTER SET ${String(charset)} COLLATE ${String(collation)}`,
    user: String(account).slice(0, String(account).lastIndexOf('@')),
    host: String(account).slice(String(account).lastIndexOf('@') + 1),
    version: String(version),
    startOptions: Object.fromEntries(options),
  };
}

/** The first two numbers of a version, such as 10.11; two servers of one series treat schemas alike. */
export function seriesOf(version: string): string {
  return /^\d+\.\d+/.exec(version)?.[0] ?? version;
}
