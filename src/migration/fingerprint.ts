/**
 * A hash of everything in one database that a schema change can change: tables, sequences, views, routines,
 * triggers and events, as the server itself writes them. Two equal fingerprints mean the same schema. Not
 * part of it: rows, counters (AUTO_INCREMENT), times, rights, other databases, and the journal.
 */

import { createHash } from 'node:crypto';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { journalTable } from './journal.ts';

/** Order matters in each: a row is what makes one object, and rows are sorted by their names. */
const objectQueries = [
  `SELECT 'view', TABLE_NAME, VIEW_DEFINITION, CHECK_OPTION, DEFINER, SECURITY_TYPE, ALGORITHM, CHARACTER_SET_CLIENT,
     COLLATION_CONNECTION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME`,
  `SELECT ROUTINE_TYPE, ROUTINE_NAME, DTD_IDENTIFIER, ROUTINE_DEFINITION, IS_DETERMINISTIC, SQL_DATA_ACCESS,
     SECURITY_TYPE, SQL_MODE, ROUTINE_COMMENT, DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION,
     DATABASE_COLLATION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? ORDER BY ROUTINE_TYPE, ROUTINE_NAME`,
  `SELECT 'parameter', ROUTINE_TYPE, SPECIFIC_NAME, ORDINAL_POSITION, PARAMETER_MODE, PARAMETER_NAME, DTD_IDENTIFIER
     FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA = ?
     ORDER BY ROUTINE_TYPE, SPECIFIC_NAME, ORDINAL_POSITION`,
  `SELECT 'trigger', TRIGGER_NAME, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_ORDER, ACTION_STATEMENT,
     ACTION_TIMING, SQL_MODE, DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION, DATABASE_COLLATION
     FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ? ORDER BY TRIGGER_NAME`,
  `SELECT 'event', EVENT_NAME, DEFINER, TIME_ZONE, EVENT_DEFINITION, EVENT_TYPE, EXECUTE_AT, INTERVAL_VALUE,
     INTERVAL_FIELD, SQL_MODE, STARTS, ENDS, STATUS, ON_COMPLETION, EVENT_COMMENT, CHARACTER_SET_CLIENT,
     COLLATION_CONNECTION, DATABASE_COLLATION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? ORDER BY EVENT_NAME`,
  `SELECT 'database', DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA
     WHERE SCHEMA_NAME = ?`,
];

/** SHA-256 in hex of the schema of `database`. Sees what the account of the connection may see. */
export async function schemaFingerprint(connection: Connection, database: string): Promise<string> {
  const hash = createHash('sha256');
  for (const query of objectQueries) {
    const [rows] = await connection.query<RowDataPacket[][]>({
      sql: query,
      values: [database],
      rowsAsArray: true,
    });
    hash.update(`${JSON.stringify(rows)}\n`);
  }
  for (const { name, kind } of await tables(connection, database)) {
    const object = `${quoted(database)}.${quoted(name)}`;
    const [rows] = await connection.query<RowDataPacket[]>(`SHOW CREATE ${kind} ${object}`);
    const definition = String(rows[0]?.['Create Table']);
    hash.update(`${JSON.stringify([name, withoutCounter(definition)])}\n`);
  }
  return hash.digest('hex');
}

/** Names of the tables of `database` whose changes outlive a rollback. */
export async function notTransactionalTables(connection: Connection, database: string): Promise<string[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT t.TABLE_NAME AS name FROM information_schema.TABLES t
       LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
     WHERE t.TABLE_SCHEMA = ? AND t.TABLE_TYPE NOT LIKE '%VIEW' AND t.TABLE_TYPE <> 'SEQUENCE'
       AND IFNULL(e.TRANSACTIONS, 'NO') <> 'YES' ORDER BY t.TABLE_NAME`,
    [database],
  );
  return rows.map((row) => String(row['name']));
}

async function tables(
  connection: Connection,
  database: string,
): Promise<{ name: string; kind: 'TABLE' | 'SEQUENCE' }[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT TABLE_NAME AS name, TABLE_TYPE AS type FROM information_schema.TABLES
     WHERE TABLE_SCHEMA = ? AND TABLE_TYPE NOT LIKE '%VIEW' AND TABLE_NAME <> ? ORDER BY TABLE_NAME`,
    [database, journalTable],
  );
  return rows.map((row) => ({
    name: String(row['name']),
    kind: row['type'] === 'SEQUENCE' ? 'SEQUENCE' : 'TABLE',
  }));
}

/** The options of a table stand behind its last closing parenthesis at the start of a line. */
function withoutCounter(definition: string): string {
  const options = definition.lastIndexOf('\n)') + 1;
  return definition.slice(0, options) + definition.slice(options).replace(/ AUTO_INCREMENT=\d+/, '');
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
