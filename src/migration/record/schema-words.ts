/** What of a schema a recording has to know: words that are nobody's data, and statements that nobody sends. */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { tokenAt } from '../lexer.ts';
import type { SchemaWords } from './synthetic.ts';

/** Members of ENUM and SET. */
export async function readSchemaWords(connection: Connection, database: string): Promise<SchemaWords> {
  const [rows] = await connection.query<RowDataPacket[]>(
    "SELECT COLUMN_TYPE AS type FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND DATA_TYPE IN ('enum', 'set')",
    [database],
  );
  const members = rows.flatMap((row) => membersOf(String(row['type'])));
  return new Map(members.map((member) => [member.toLowerCase(), member]));
}

/**
 * The bodies of routines, triggers and events: the log has the statements that the server itself takes from there
 * beside those that are sent.
 */
export async function readBodies(connection: Connection, database: string): Promise<string[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT ROUTINE_DEFINITION AS body FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?
     UNION ALL SELECT ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?
     UNION ALL SELECT EVENT_DEFINITION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?`,
    [database, database, database],
  );
  return rows.map((row) => String(row['body'] ?? ''));
}

/** The members of a type such as `enum('open','it''s done')`. Pure. */
export function membersOf(type: string): string[] {
  const members: string[] = [];
  let at = type.indexOf('(') + 1;
  while (type.charAt(at) === "'") {
    let end = at;
    // A doubled quote reads as two strings that touch.
    while (type.charAt(end) === "'") end = tokenAt(type, end, { single: false, double: false }).end;
    members.push(type.slice(at + 1, end - 1).replaceAll("''", "'"));
    at = end + 1;
  }
  return members;
}
