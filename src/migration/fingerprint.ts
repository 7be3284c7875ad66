/**
 * Everything in one database that a schema change can change: tables, sequences, views, routines, triggers
 * and events, as the server itself writes them, and a hash over it. Two equal fingerprints mean the same
 * schema, also on two servers. Not part of it: rows, counters (AUTO_INCREMENT), times, rights, other
 * databases, the migrator's own tables and those of a tool before it, and from which host an account of the
 * migrator's name came.
 */

import { createHash } from 'node:crypto';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { journalTable, leaseTable, quoted } from './own-tables.ts';
import { isForeignHistory } from './take-over/history-layout.ts';

/** Each object, such as `table member`, with what defines it, in lines. */
export type Schema = ReadonlyMap<string, string>;

/** A row of each is one object, named by `object`; its other columns define it. */
const viewQuery = `SELECT CONCAT('view ', TABLE_NAME) AS object, VIEW_DEFINITION, CHECK_OPTION, DEFINER, SECURITY_TYPE,
     ALGORITHM, CHARACTER_SET_CLIENT, COLLATION_CONNECTION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ?`;
const triggerQuery = `SELECT CONCAT('trigger ', TRIGGER_NAME) AS object, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_ORDER,
     ACTION_STATEMENT, ACTION_TIMING, SQL_MODE, DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION,
     DATABASE_COLLATION FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?`;
const routineQueries = [
  `SELECT CONCAT(LOWER(ROUTINE_TYPE), ' ', ROUTINE_NAME) AS object, DTD_IDENTIFIER, ROUTINE_DEFINITION,
     IS_DETERMINISTIC, SQL_DATA_ACCESS, SECURITY_TYPE, SQL_MODE, ROUTINE_COMMENT, DEFINER, CHARACTER_SET_CLIENT,
     COLLATION_CONNECTION, DATABASE_COLLATION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?`,
  `SELECT CONCAT('parameter ', ORDINAL_POSITION, ' of ', LOWER(ROUTINE_TYPE), ' ', SPECIFIC_NAME) AS object,
     PARAMETER_MODE, PARAMETER_NAME, DTD_IDENTIFIER FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA = ?`,
];
const objectQueries = [
  viewQuery,
  ...routineQueries,
  triggerQuery,
  `SELECT CONCAT('event ', EVENT_NAME) AS object, DEFINER, TIME_ZONE, EVENT_DEFINITION, EVENT_TYPE, INTERVAL_VALUE,
     INTERVAL_FIELD, SQL_MODE, STATUS, ON_COMPLETION, EVENT_COMMENT, CHARACTER_SET_CLIENT,
     COLLATION_CONNECTION, DATABASE_COLLATION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?`,
  `SELECT 'database' AS object, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME
     FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?`,
];

/** How objects that are made by the account of the connection are said to be defined by it. */
const ownAccount = '(the migrator)';

/** SHA-256 in hex of the schema of `database`. Sees what the account of the connection may see. */
export async function schemaFingerprint(connection: Connection, database: string): Promise<string> {
  return fingerprintOf(await readSchema(connection, database));
}

/** SHA-256 in hex of a schema. Pure. */
export function fingerprintOf(schema: Schema): string {
  const objects = [...schema].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(objects)).digest('hex');
}

/** Reads the schema of `database`, object by object; in few round trips if the connection takes several statements at once. */
export async function readSchema(connection: Connection, database: string): Promise<Schema> {
  const schema = new Map<string, string>();
  await readObjects(
    connection,
    schema,
    objectQueries.map((sql) => ({ sql, values: [database] })),
    { database, found: await tables(connection, database) },
  );
  return schema;
}

/** The objects of a schema of which something may have changed. */
export interface Touched {
  /** Names of tables, sequences and views, also of those that are gone. */
  readonly names: readonly string[];
  /** Those of them that are tables or sequences now. */
  readonly tables: readonly string[];
  /** Those that are views. */
  readonly views: readonly string[];
  /** Those that have triggers. */
  readonly triggered: readonly string[];
  readonly routines: boolean;
}

/**
 * The same as `readSchema` when nothing but `touched` has changed since `known` was read. Needs a connection that
 * takes several statements at once.
 */
export async function readTouched(
  connection: Connection,
  database: string,
  { known, touched }: { known: Schema; touched: Touched },
): Promise<Schema> {
  const schema = new Map([...known].filter(([object, text]) => !isTouched(object, text, touched)));
  const names = new Set([...touched.tables, ...referrers(schema, touched.names)]);
  const found = [...names].map((name): Table => ({ name, kind: 'TABLE' })).filter(isApplications);
  await readObjects(
    connection,
    schema,
    [
      ...touched.views.map((name) => ({ sql: `${viewQuery} AND TABLE_NAME = ?`, values: [database, name] })),
      ...touched.triggered.map((name) => ({
        sql: `${triggerQuery} AND EVENT_OBJECT_TABLE = ?`,
        values: [database, name],
      })),
      ...(touched.routines ? routineQueries.map((sql) => ({ sql, values: [database] })) : []),
    ],
    { database, found },
  );
  const sequences = found.filter(({ name }) => isSequence(schema.get(`table ${name}`) ?? ''));
  for (const { name } of sequences) schema.delete(`table ${name}`);
  const shown = sequences.map(({ name }): Table => ({ name, kind: 'SEQUENCE' }));
  await readObjects(connection, schema, [], { database, found: shown });
  return schema;
}

function isApplications({ name }: Table): boolean {
  return name !== journalTable && name !== leaseTable;
}

/** As SHOW CREATE TABLE shows a sequence. */
function isSequence(definition: string): boolean {
  return /\n\).* SEQUENCE=1\b/.test(definition);
}

/** Tables whose foreign keys name one of `tables`: a new name there shows here. */
function referrers(known: Schema, tables: readonly string[]): string[] {
  const references = tables.map((name) => `REFERENCES ${quoted(name)}`);
  return [...known].flatMap(([object, text]) =>
    object.startsWith('table ') && references.some((reference) => text.includes(reference))
      ? [object.slice('table '.length)]
      : [],
  );
}

function isTouched(object: string, text: string, { names, routines }: Touched): boolean {
  const kind = object.slice(0, object.indexOf(' '));
  switch (kind) {
    case 'table':
    case 'sequence':
    case 'view':
      return names.includes(object.slice(kind.length + 1));
    case 'trigger':
      return names.some((name) => text.split('\n').includes(`EVENT_OBJECT_TABLE: ${name}`));
    case 'procedure':
    case 'function':
    case 'parameter':
      return routines;
    default:
      return false;
  }
}

/** Adds what the queries find, and these tables and sequences. */
async function readObjects(
  connection: Connection,
  schema: Map<string, string>,
  questions: readonly Question[],
  { database, found }: { database: string; found: readonly Table[] },
): Promise<void> {
  const shown = found.map(({ name, kind }) => ({
    sql: `SHOW CREATE ${kind} ${quoted(database)}.${quoted(name)}`,
  }));
  const asked = questions.length === 0 ? [] : [ownUserQuestion, ...questions];
  const answers = await ask(connection, [...asked, ...shown]);
  const own = userOf(String(answers[0]?.[0]?.['own']));
  for (const rows of answers.slice(1, asked.length))
    for (const { object, ...columns } of rows) schema.set(String(object), definitionOf(columns, own));
  for (const [index, { name, kind }] of found.entries()) {
    const definition = String(answers[asked.length + index]?.[0]?.['Create Table']);
    if (isForeignHistory(definition)) continue;
    schema.set(`${kind.toLowerCase()} ${name}`, withoutCounter(definition));
  }
}

const ownUserQuestion = { sql: 'SELECT CURRENT_USER() AS own' };

type Rows = readonly Readonly<Record<string, unknown>>[];

interface Question {
  readonly sql: string;
  readonly values?: string[];
}

/** The answer to each question, in order. */
async function ask(connection: Connection, questions: readonly Question[]): Promise<Rows[]> {
  if (connection.config.multipleStatements === true && questions.length > 1) {
    const sql = questions.map((question) => question.sql).join(';\n');
    const values = questions.flatMap((question) => question.values ?? []);
    const [sets] = await connection.query<RowDataPacket[][]>(sql, values);
    return sets;
  }
  const answers: Rows[] = [];
  for (const { sql, values } of questions) {
    const [rows] = await connection.query<RowDataPacket[]>(sql, values ?? []);
    answers.push(rows);
  }
  return answers;
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

interface Table {
  readonly name: string;
  readonly kind: 'TABLE' | 'SEQUENCE';
}

async function tables(connection: Connection, database: string): Promise<Table[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT TABLE_NAME AS name, TABLE_TYPE AS type FROM information_schema.TABLES
     WHERE TABLE_SCHEMA = ? AND TABLE_TYPE NOT LIKE '%VIEW' AND TABLE_NAME NOT IN (?, ?) ORDER BY TABLE_NAME`,
    [database, journalTable, leaseTable],
  );
  return rows.map((row) => ({
    name: String(row['name']),
    kind: row['type'] === 'SEQUENCE' ? 'SEQUENCE' : 'TABLE',
  }));
}

function definitionOf(columns: Readonly<Record<string, unknown>>, own: string): string {
  const lines = Object.entries(columns)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => {
      const text = String(value);
      return `${name}: ${name === 'DEFINER' && userOf(text) === own ? ownAccount : text}`;
    });
  return lines.join('\n');
}

/** The user's name in `name@host`. */
function userOf(account: string): string {
  return account.slice(0, account.lastIndexOf('@'));
}

/** The options of a table stand behind its last closing parenthesis at the start of a line. */
function withoutCounter(definition: string): string {
  const options = definition.lastIndexOf('\n)') + 1;
  return definition.slice(0, options) + definition.slice(options).replace(/ AUTO_INCREMENT=\d+/, '');
}
