/**
 * Runs statements on the shadow, one after the other as the migrator does, and writes down what each does to
 * the schema. The server itself tells what a statement was: by its counters of executed commands (Com_…),
 * which also count what a routine runs.
 */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { reasonOf, restoreSession, type SessionSettings } from '../connect.ts';
import { fingerprintOf, type Schema } from '../fingerprint.ts';
import type { MigrationFile, Statement } from '../migration-set.ts';
import { schemaDifference, type SchemaChange } from '../schema-difference.ts';
import type { ShadowServer } from './shadow-server.ts';
import { SchemaReader } from './schema-reader.ts';
import { chooseWholeTable } from './whole-table.ts';

/** One statement in its place. */
export interface Step {
  readonly file: MigrationFile;
  readonly statement: Statement;
}

/** What one statement did on the shadow. */
export interface Rehearsed {
  /** Fingerprint of the schema before it. */
  readonly before: string;
  /** And after it; none when it failed in a way that leaves open what it would do on the live server. */
  readonly after?: string;
  /** It was one schema change and nothing else. */
  readonly isSingle: boolean;
  readonly changes: SchemaChange;
  /** What the server said when it refused the statement. */
  readonly error?: string;
}

export interface Rehearsal {
  /** One for each step, up to and with the first whose outcome is open. */
  readonly steps: readonly Rehearsed[];
  /** The schema after the last of them. */
  readonly end: Schema;
}

export interface Stage {
  readonly shadow: ShadowServer;
  readonly database: string;
  /** Of the live connection; see connect.ts. */
  readonly session: SessionSettings;
  readonly signal: AbortSignal;
}

/** How long one statement may take on the shadow, where tables are empty or small, in s. */
const statementSeconds = 60;

const settingCommand = 'set_option';
/** Commands that change data at most. */
const dataCommands = new Set([
  'delete',
  'delete_multi',
  'do',
  'insert',
  'insert_select',
  'load',
  'replace',
  'replace_select',
  'select',
  settingCommand,
  'update',
  'update_multi',
]);
/** Commands that run others, which are counted too. */
const frames = new Set([
  'call_procedure',
  'compound_sql',
  'dealloc_sql',
  'execute_immediate',
  'execute_sql',
  'prepare_sql',
]);
/** Ours, not the statement's. */
const ownCommands = new Set(['begin', 'commit', 'rollback', 'show_status']);

export interface RehearsalOptions {
  readonly settings?: readonly Statement[];
  readonly thorough?: boolean;
  /** Hears of each step as soon as it is known. */
  readonly told?: (step: Rehearsed) => void;
}

/**
 * Runs `steps` in order; `settings` are statements to run before them, for the connection only. Reads the whole
 * schema after each statement when `thorough`. @returns none when what was read otherwise is not the whole truth
 */
export async function rehearse(
  stage: Stage,
  steps: readonly Step[],
  { settings = [], thorough = false, told = () => undefined }: RehearsalOptions = {},
): Promise<Rehearsal | undefined> {
  const connection = await stage.shadow.connect();
  const reader = await beginReading(stage, thorough);
  const session = {
    ...stage.session,
    max_statement_time: statementSeconds,
    lock_wait_timeout: statementSeconds,
  };
  let before = fingerprintOf(reader.known);
  let file: MigrationFile | undefined;
  let counts: CommandCounts = new Map();
  const rehearsed: Rehearsed[] = [];
  for (const step of steps) {
    stage.signal.throwIfAborted();
    if (step.file !== file) {
      const begun = { file: step.file, counts, settings: file === undefined ? settings : [] };
      counts = await beginFile(connection, session, begun);
      file = step.file;
    }
    const executed = await execute(connection, step.statement.sql, counts);
    counts = executed.counts;
    const outcome = judge(executed, {
      schema: reader.known,
      before,
      now: await schemaAfter(reader, executed),
    });
    rehearsed.push(outcome);
    told(outcome);
    if (outcome.after === undefined) break;
    before = outcome.after;
  }
  return (await reader.isRight()) ? { steps: rehearsed, end: reader.known } : undefined;
}

async function beginReading({ shadow, database }: Stage, thorough: boolean): Promise<SchemaReader> {
  const connection = await shadow.connect({ multipleStatements: true });
  const folder = thorough ? undefined : await shadow.databaseFolder();
  return SchemaReader.begin({ connection, database, ...(folder === undefined ? {} : { folder }) });
}

async function schemaAfter(reader: SchemaReader, executed: Executed): Promise<Schema> {
  return changesNoSchema(executed) ? reader.known : reader.after(executed.commands.map(([name]) => name));
}

/** Sets the connection up for a file. @returns its counters */
async function beginFile(
  connection: Connection,
  session: SessionSettings,
  { file, counts, settings }: { file: MigrationFile; counts: CommandCounts; settings: readonly Statement[] },
): Promise<CommandCounts> {
  await restoreSession(connection, session);
  for (const { sql } of settings) await connection.query(sql);
  if (file.backfill) await chooseWholeTable(connection, file.backfill);
  if (counts.size === 0 || settings.length > 0 || file.backfill) return commandCounts(connection);
  return new Map([...counts, [settingCommand, (counts.get(settingCommand) ?? 0) + 1]]);
}

interface Seen {
  readonly schema: Schema;
  readonly before: string;
  readonly now: Schema;
}

function judge(executed: Executed, { schema, before, now }: Seen): Rehearsed {
  const { commands, error } = executed;
  // What a routine or a schema change would have done without its failure is not known.
  const isOpen = error !== undefined && !commands.every(([name]) => dataCommands.has(name));
  if (isOpen) return { before, isSingle: false, changes: [], error };
  const changes = schemaDifference(now, schema);
  const isSingle = !changesNoSchema(executed) && commands.length === 1 && commands[0]?.[1] === 1;
  const after = changes.length === 0 ? before : fingerprintOf(now);
  return { before, after, isSingle, changes, ...(error === undefined ? {} : { error }) };
}

function changesNoSchema({ commands }: Executed): boolean {
  return commands.every(([name]) => dataCommands.has(name) || frames.has(name));
}

type CommandCounts = ReadonlyMap<string, number>;

interface Executed {
  /** The counters after it. */
  readonly counts: CommandCounts;
  /** Each command that the server counted, with how often. */
  readonly commands: readonly (readonly [name: string, count: number])[];
  readonly error?: string;
}

/** `counted` are the counters before it. */
async function execute(connection: Connection, sql: string, counted: CommandCounts): Promise<Executed> {
  let error: string | undefined;
  try {
    await connection.query('START TRANSACTION');
    await connection.query(sql);
    await connection.query('COMMIT');
  } catch (cause) {
    if ((cause as { fatal?: unknown }).fatal === true) throw cause;
    error = reasonOf(cause);
    await connection.query('ROLLBACK');
  }
  const counts = await commandCounts(connection);
  const commands = [...counts]
    .map(([name, count]) => [name, count - (counted.get(name) ?? 0)] as const)
    .filter(([name, count]) => count > 0 && !ownCommands.has(name));
  return { counts, commands, ...(error === undefined ? {} : { error }) };
}

async function commandCounts(connection: Connection): Promise<CommandCounts> {
  const [rows] = await connection.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Com\\_%'");
  return new Map(
    rows.map((row) => [String(row['Variable_name']).slice('Com_'.length), Number(row['Value'])] as const),
  );
}
