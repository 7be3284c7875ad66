/**
 * A database's schema as SQL that makes it anew, without rows: what SHOW CREATE says of each object, in an
 * order in which the server takes them. Objects that another one may need come first; what fails because
 * something is not there yet is tried again.
 */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { journalTable, leaseTable, quoted } from '../own-tables.ts';

/** One object; `settings` are what the session has to have when it is made. */
export interface DumpedObject {
  readonly name: string;
  readonly sql: string;
  readonly settings: Readonly<Record<string, string>>;
}

interface Kind {
  /** As in SHOW CREATE. */
  readonly kind: string;
  /** Names of all of the kind in a database. */
  readonly names: string;
  /** The column of SHOW CREATE that has the statement. */
  readonly column: string;
}

const tablesOf = (type: string): string =>
  `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE ${type} ORDER BY 1`;
const routinesOf = (type: string): string =>
  `SELECT ROUTINE_NAME AS name FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_TYPE = '${type}'`;

const kinds: readonly Kind[] = [
  { kind: 'SEQUENCE', names: tablesOf("= 'SEQUENCE'"), column: 'Create Table' },
  { kind: 'TABLE', names: tablesOf("NOT IN ('SEQUENCE', 'VIEW', 'SYSTEM VIEW')"), column: 'Create Table' },
  { kind: 'FUNCTION', names: routinesOf('FUNCTION'), column: 'Create Function' },
  { kind: 'PROCEDURE', names: routinesOf('PROCEDURE'), column: 'Create Procedure' },
  { kind: 'VIEW', names: tablesOf("= 'VIEW'"), column: 'Create View' },
  {
    kind: 'TRIGGER',
    names:
      'SELECT TRIGGER_NAME AS name FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ? ORDER BY ACTION_ORDER',
    column: 'SQL Original Statement',
  },
  {
    kind: 'EVENT',
    names: 'SELECT EVENT_NAME AS name FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?',
    column: 'Create Event',
  },
];

const settingColumns = ['sql_mode', 'character_set_client', 'collation_connection', 'time_zone'] as const;

/** Reads every object of `database` that the account may see. */
export async function dumpSchema(connection: Connection, database: string): Promise<DumpedObject[]> {
  const dumped: DumpedObject[] = [];
  for (const { kind, names, column } of kinds) {
    const [found] = await connection.query<RowDataPacket[]>(names, [database]);
    for (const { name } of found as { name: string }[]) {
      if (name === journalTable || name === leaseTable) continue;
      const sql = `SHOW CREATE ${kind} ${quoted(database)}.${quoted(name)}`;
      const [[row = {}]] = await connection.query<RowDataPacket[]>(sql);
      const columns = row as Readonly<Record<string, unknown>>;
      const settings = settingColumns.flatMap((setting) => {
        const value = columns[setting];
        return typeof value === 'string' ? [[setting, value] as const] : [];
      });
      dumped.push({
        name: `${kind} ${name}`,
        sql: String(columns[column]),
        settings: Object.fromEntries(settings),
      });
    }
  }
  return dumped;
}

/** Makes the objects. @returns what could not be made, with the reason */
export async function loadSchema(
  connection: Connection,
  objects: readonly DumpedObject[],
): Promise<string[]> {
  await connection.query('SET SESSION foreign_key_checks = 0, check_constraint_checks = 0');
  let waiting = objects;
  for (;;) {
    const failed: { readonly object: DumpedObject; readonly reason: string }[] = [];
    for (const object of waiting) {
      const reason = await load(connection, object);
      if (reason !== undefined) failed.push({ object, reason });
    }
    if (failed.length === 0 || failed.length === waiting.length)
      return failed.map(({ object, reason }) => `${object.name}: ${reason}`);
    waiting = failed.map(({ object }) => object);
  }
}

async function load(connection: Connection, { sql, settings }: DumpedObject): Promise<string | undefined> {
  const names = Object.keys(settings);
  if (names.length > 0) {
    const assignments = names.map((name) => `SESSION ${name} = ?`).join(', ');
    await connection.query(`SET ${assignments}`, Object.values(settings));
  }
  try {
    await connection.query(sql);
    return undefined;
  } catch (error) {
    const { errno, message } = error as { errno?: unknown; message: string };
    // Without a number of the server's the connection itself is lost.
    if (typeof errno !== 'number' || errno <= 0) throw error;
    return message;
  }
}
