/**
 * Transfers in MariaDB. One transaction each, with both members' rows locked in the order of their ids:
 * two transfers between the same members can then never wait for each other in a circle, and a
 * sender's transfers happen one after the other, so no check is out of date when the money moves.
 */
import type { Pool } from 'mysql2/promise';
import { inTransaction, withConnection, type Sql } from '../shared/database.ts';
import type { TransferRequest } from './transfer-request.ts';

export interface Transfer {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly cents: number;
  readonly memo: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

export type TransferResult =
  | { readonly outcome: 'done' | 'repeated'; readonly id: number }
  | { readonly outcome: 'unknown-member' | 'overdraft' | 'key-reused' };

/** Moves the money, or says why not; with a key that was used for the same transfer, says so and moves nothing. */
export async function transfer(
  pool: Pool,
  sender: string,
  request: TransferRequest,
): Promise<TransferResult> {
  const ids = await idsOf(pool, [sender, request.to]);
  const from = ids.get(sender);
  const to = ids.get(request.to);
  if (from === undefined || to === undefined) return { outcome: 'unknown-member' };
  return inTransaction(pool, async (sql) => {
    const balances = await lockedBalances(sql, [from, to]);
    // The transaction's first plain read comes after the locks, so it sees all that was committed before them.
    const earlier = await earlierTransfer(sql, from, request.key);
    if (earlier !== undefined) return judgeRepeat(earlier, to, request);
    if ((balances.get(from) ?? 0) < request.cents) return { outcome: 'overdraft' };
    const move = 'UPDATE members SET balance_cents = balance_cents + ? WHERE id = ?';
    await sql(move, [-request.cents, from]);
    await sql(move, [request.cents, to]);
    const { insertId } = await sql<{ insertId: number }>(
      'INSERT INTO transfers (from_member, to_member, cents, purpose, idempotency_key) VALUES (?, ?, ?, ?, ?)',
      [from, to, request.cents, request.memo, request.key],
    );
    return { outcome: 'done', id: insertId };
  });
}

/** The member's last transfers, sent and received, newest first. */
export async function lastTransfers(pool: Pool, email: string): Promise<Transfer[]> {
  // Two ranges, each read from the end of its own index, instead of one OR that reads them whole.
  const statement = `
    SELECT t.id, f.email AS sender, r.email AS receiver, t.cents, t.purpose AS memo,
           CAST(UNIX_TIMESTAMP(t.created_at) * 1000 AS UNSIGNED) AS at_ms
    FROM (
      (SELECT * FROM transfers WHERE from_member = (SELECT id FROM members WHERE email = ?) ORDER BY id DESC LIMIT 20)
      UNION ALL
      (SELECT * FROM transfers WHERE to_member = (SELECT id FROM members WHERE email = ?) ORDER BY id DESC LIMIT 20)
    ) t
    JOIN members f ON f.id = t.from_member
    JOIN members r ON r.id = t.to_member
    ORDER BY t.id DESC LIMIT 20`;
  const rows = await withConnection(pool, (sql) => sql<TransferRow[]>(statement, [email, email]));
  return rows.map(({ id, sender, receiver, cents, memo, at_ms }) => ({
    id,
    from: sender,
    to: receiver,
    cents,
    memo,
    at: new Date(at_ms).toISOString(),
  }));
}

interface TransferRow {
  readonly id: number;
  readonly sender: string;
  readonly receiver: string;
  readonly cents: number;
  readonly memo: string;
  readonly at_ms: number;
}

interface EarlierTransfer {
  readonly id: number;
  readonly to_member: number;
  readonly cents: number;
  readonly memo: string;
}

async function idsOf(pool: Pool, emails: [string, string]): Promise<Map<string, number>> {
  const rows = await withConnection(pool, (sql) =>
    sql<{ id: number; email: string }[]>('SELECT id, email FROM members WHERE email IN (?, ?)', emails),
  );
  return new Map(rows.map(({ id, email }) => [email, id]));
}

/** Locks the members' rows, lowest id first. */
async function lockedBalances(sql: Sql, ids: number[]): Promise<Map<number, number>> {
  const balances = new Map<number, number>();
  for (const id of ids.toSorted((a, b) => a - b)) {
    const rows = await sql<{ cents: number }[]>(
      'SELECT balance_cents AS cents FROM members WHERE id = ? FOR UPDATE',
      [id],
    );
    balances.set(id, rows[0]?.cents ?? 0);
  }
  return balances;
}

async function earlierTransfer(
  sql: Sql,
  from: number,
  key: string | null,
): Promise<EarlierTransfer | undefined> {
  if (key === null) return undefined;
  const rows = await sql<EarlierTransfer[]>(
    'SELECT id, to_member, cents, purpose AS memo FROM transfers WHERE from_member = ? AND idempotency_key = ?',
    [from, key],
  );
  return rows[0];
}

function judgeRepeat(earlier: EarlierTransfer, to: number, request: TransferRequest): TransferResult {
  const same = earlier.to_member === to && earlier.cents === request.cents && earlier.memo === request.memo;
  return same ? { outcome: 'repeated', id: earlier.id } : { outcome: 'key-reused' };
}
