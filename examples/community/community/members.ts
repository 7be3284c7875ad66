/** What community reads in the members table. */
import type { Pool } from 'mysql2/promise';
import { withConnection } from '../shared/database.ts';

export interface Member {
  readonly email: string;
  readonly name: string;
}

/** The first hundred members, oldest first: enough for a list to choose from. */
export function listMembers(pool: Pool): Promise<Member[]> {
  return withConnection(pool, (sql) =>
    sql<Member[]>('SELECT email, name FROM members ORDER BY id LIMIT 100'),
  );
}

/** The member's name and balance, or undefined if there is no such member. */
export async function accountOf(
  pool: Pool,
  email: string,
): Promise<{ name: string; cents: number } | undefined> {
  const rows = await withConnection(pool, (sql) =>
    sql<{ name: string; cents: number }[]>(
      'SELECT name, balance_cents AS cents FROM members WHERE email = ?',
      [email],
    ),
  );
  return rows[0];
}
