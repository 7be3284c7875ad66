/** Where the sequences of a database stand: replayed statements take numbers, which no rollback gives back. */

import type { Connection, RowDataPacket } from 'mysql2/promise';
import { quoted } from '../own-tables.ts';

export interface SequenceState {
  readonly next: bigint;
  readonly increment: bigint;
}

/** By name. */
export type SequenceStates = ReadonlyMap<string, SequenceState>;

export async function readSequences(connection: Connection, database: string): Promise<SequenceStates> {
  const [found] = await connection.query<RowDataPacket[]>(
    "SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'SEQUENCE'",
    [database],
  );
  const states = new Map<string, SequenceState>();
  for (const { name } of found as { name: string }[]) {
    const [[row = {}]] = await connection.query<RowDataPacket[]>(
      `SELECT CAST(next_not_cached_value AS CHAR) AS next, CAST(increment AS CHAR) AS increment FROM ${quoted(name)}`,
    );
    const { next, increment } = row as { next?: string; increment?: string };
    states.set(name, { next: BigInt(next ?? '0'), increment: BigInt(increment ?? '1') });
  }
  return states;
}

/** Sequences that go on from where they have been already. Pure. */
export function restarted(before: SequenceStates, after: SequenceStates): string[] {
  return [...before].flatMap(([name, was]) => {
    const is = after.get(name);
    if (!is) return [];
    const isBack = was.increment < 0n ? is.next > was.next : is.next < was.next;
    return isBack ? [name] : [];
  });
}
