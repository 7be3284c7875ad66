/** What login reads and writes in the members table. */
import type { Pool } from 'mysql2/promise';
import { withConnection } from '../shared/database.ts';

/** Undefined if there is no such member. */
export async function passwordHashOf(pool: Pool, email: string): Promise<string | undefined> {
  const rows = await withConnection(pool, (sql) =>
    sql<{ password_hash: string }[]>('SELECT password_hash FROM members WHERE email = ?', [email]),
  );
  return rows[0]?.password_hash;
}

/** Adds a member with the welcome balance that the table gives; false if the address is taken. */
export async function addMember(
  pool: Pool,
  member: { readonly email: string; readonly name: string; readonly passwordHash: string },
): Promise<boolean> {
  try {
    await withConnection(pool, (sql) =>
      sql('INSERT INTO members (email, name, password_hash) VALUES (?, ?, ?)', [
        member.email,
        member.name,
        member.passwordHash,
      ]),
    );
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ER_DUP_ENTRY') return false;
    throw error;
  }
}
