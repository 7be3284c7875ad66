/**
 * Keeps a statement from copying a large table, to which nobody could write meanwhile, unless its file allows it.
 * The server decides whether it would: with `alter_algorithm` it is told not to, and refuses before it does
 * anything.
 */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { alteredTable } from './altered-table.ts';
import { reasonOf } from './connect.ts';
import type { Statement } from './migration-set.ts';
import { megabyte, type TableSizes } from './table-sizes.ts';

/** The rule of `migrate lint` by whose name it is allowed. */
const rule = 'copies-table';

const notSupported = new Set<unknown>([1845, 1846]);
const asksForCopy = /\bALGORITHM\s*=?\s*COPY\b/i;

export interface LargeTables {
  readonly sizes: TableSizes;
  /** From which size on a table is large. */
  readonly fromBytes: number;
}

/** Instead of a copy; nothing has been done. */
class CopyRefused extends Error {
  readonly errno = 1846;
}

/** Sends the statement. @throws Error of the server, or why it would copy a large table */
export async function sendGuarded(
  connection: Connection,
  send: () => Promise<unknown>,
  { statement, large }: { statement: Statement; large: LargeTables },
): Promise<unknown> {
  const table = guardedTable(statement, large);
  if (table === undefined) return send();
  if (asksForCopy.test(statement.sql))
    throw new CopyRefused(explain(table, large, 'it asks for ALGORITHM=COPY'));
  const [[before]] = await connection.query<RowDataPacket[]>('SELECT @@SESSION.alter_algorithm AS way');
  await connection.query("SET SESSION alter_algorithm = 'INPLACE'");
  const restore = async (): Promise<void> => {
    await connection.query('SET SESSION alter_algorithm = ?', [String(before?.['way'])]);
  };
  try {
    const result = await send();
    await restore();
    return result;
  } catch (error) {
    const { errno, fatal } = error as { errno?: unknown; fatal?: unknown };
    if (fatal === true) throw error;
    await restore();
    if (!notSupported.has(errno)) throw error;
    throw new CopyRefused(explain(table, large, reasonOf(error)), { cause: error });
  }
}

/** The large table that the statement alters without being allowed to copy it. */
function guardedTable({ sql, allowances }: Statement, { sizes, fromBytes }: LargeTables): string | undefined {
  const name = allowances.some((allowance) => allowance.rule === rule) ? undefined : alteredTable(sql);
  const size = name === undefined ? undefined : sizes.get(name);
  return size !== undefined && size.bytes > fromBytes ? name : undefined;
}

function explain(table: string, { sizes }: LargeTables, reason: string): string {
  const { rows = 0, bytes = 0 } = sizes.get(table) ?? {};
  return (
    `${table} would be copied, about ${rows} rows, ${Math.ceil(bytes / megabyte)} MB, and nobody could write to it meanwhile (${reason}). ` +
    `Add a column and fill it by a backfill instead, or allow it above the statement: -- holdfast: allow ${rule} REASON`
  );
}
