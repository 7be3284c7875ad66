/**
 * Runs a statement of a migration on the shadow in the way that holds up the application least, and says
 * which way that was. Nobody reads the SQL for it: the server is asked for the cheapest way first, by
 * `alter_algorithm` and by LOCK=NONE behind the statement, and refuses what it can't do before it does
 * anything.
 */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { leadingWords } from '../allowed-statement.ts';
import { altersTable } from '../altered-table.ts';
import { reasonOf } from '../connect.ts';

/** `copy`: the table is written anew, row by row. `rebuild`: as copy, inside the engine. `nocopy`: only an index is made or less. */
export type Algorithm = 'instant' | 'nocopy' | 'rebuild' | 'copy';

export interface Trial {
  /** None for what changes no table's structure. */
  readonly algorithm?: Algorithm;
  /** The application can't write meanwhile. */
  readonly blocksWrites: boolean;
  /** Why the statement failed; nothing of it is there. */
  readonly error?: string;
}

const ways = [
  ['INSTANT', ', LOCK=NONE', 'instant'],
  // Behind partitions stands no LOCK.
  ['INSTANT', '', 'instant'],
  ['NOCOPY', ', LOCK=NONE', 'nocopy'],
  ['NOCOPY', '', 'nocopy'],
  ['INPLACE', ', LOCK=NONE', 'rebuild'],
  ['INPLACE', '', 'rebuild'],
  ['COPY', ', LOCK=NONE', 'copy'],
] as const;

const algorithmNotSupported = 1845;
const lockNotSupported = 1846;
const syntaxError = 1064;
/** Runs the statement. Rejects when the connection is lost. */
export async function tryStatement(connection: Connection, sql: string): Promise<Trial> {
  if (!altersTable(sql)) return { blocksWrites: false, ...(await failure(connection, sql)) };
  const before = await tableNumbers(connection);
  for (const [way, lock, algorithm] of ways) {
    const refused = await attempt(connection, { way, sql: `${sql}\n${lockText(sql, lock)}` });
    if (refused === undefined) return judge(before, await tableNumbers(connection), { algorithm, lock });
    if (![algorithmNotSupported, lockNotSupported, syntaxError].includes(refused)) break;
  }
  return { algorithm: 'copy', blocksWrites: true, ...(await failure(connection, sql)) };
}

/** CREATE INDEX has its options without commas. */
function lockText(sql: string, lock: string): string {
  return leadingWords(sql, 1)[0] === 'ALTER' ? lock : lock.replace(', ', '');
}

/** @returns the number of the server's refusal */
async function attempt(
  connection: Connection,
  { way, sql }: { way: string; sql: string },
): Promise<number | undefined> {
  await connection.query(`SET SESSION alter_algorithm = '${way}'`);
  try {
    await connection.query(sql);
    return undefined;
  } catch (error) {
    const { errno, fatal } = error as { errno?: unknown; fatal?: unknown };
    if (typeof errno !== 'number' || fatal === true) throw error;
    return errno;
  } finally {
    await connection.query("SET SESSION alter_algorithm = 'DEFAULT'");
  }
}

async function failure(connection: Connection, sql: string): Promise<{ error?: string }> {
  try {
    await connection.query(sql);
    return {};
  } catch (error) {
    if ((error as { fatal?: unknown }).fatal === true) throw error;
    return { error: reasonOf(error) };
  }
}

/** A statement may ask for an algorithm itself: a table of another number has been written anew. */
function judge(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  { algorithm, lock }: { algorithm: Algorithm; lock: string },
): Trial {
  const isAnew = [...after].some(([name, number]) => before.has(name) && before.get(name) !== number);
  if (isAnew && (algorithm === 'instant' || algorithm === 'nocopy'))
    return { algorithm: 'copy', blocksWrites: true };
  return { algorithm, blocksWrites: lock === '' && algorithm !== 'instant' };
}

/** The engine's own number of each table, which changes when it is written anew. */
async function tableNumbers(connection: Connection): Promise<Map<string, string>> {
  const [rows] = await connection.query<RowDataPacket[]>(
    'SELECT NAME AS name, TABLE_ID AS number FROM information_schema.INNODB_SYS_TABLES',
  );
  return new Map(rows.map((row) => [String(row['name']), String(row['number'])]));
}
