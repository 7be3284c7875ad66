/**
 * What the recorded statements do before a migration. Each is sent twice: what is not the same both times (a
 * number of its own for each row, UUID()) can't be compared later.
 */

import type { Connection } from 'mysql2/promise';
import type { KnownTable } from './effect.ts';
import { knownTables } from './known-tables.ts';
import { instability, type Done, type Unstable } from './observation.ts';
import { nameOf, type RecordedStatement } from './recording.ts';
import { beginReplay, replay, type Replay } from './replay.ts';
import { settleValues } from './settle-values.ts';
import { tryVariations, type Tried } from './try-variations.ts';
import { variations } from './variation.ts';

/** A recorded statement that works before the migration. */
export interface Known {
  readonly recorded: RecordedStatement;
  readonly isOrdered: boolean;
  /** It may change rows, also by a routine that it calls. */
  readonly isWrite: boolean;
  readonly done: Done;
  readonly unstable: Unstable;
  /** What became of other values, as far as they were accepted. */
  readonly tried: readonly Tried[];
}

export interface Baseline {
  readonly tables: readonly KnownTable[];
  readonly statements: readonly Known[];
  /** Statements that could not be tried, and why. */
  readonly untried: readonly { readonly statement: string; readonly reason: string }[];
}

/** Observes every statement; the connection must take several at once. Stops when the signal says so. */
export async function observeBaseline(
  connection: Connection,
  { database, signal }: { readonly database: string; readonly signal: AbortSignal },
  recorded: readonly RecordedStatement[],
): Promise<Baseline> {
  const tables = await knownTables(connection, database);
  const place = await beginReplay(connection, tables);
  const statements: Known[] = [];
  const untried: Baseline['untried'][number][] = [];
  for (const one of recorded) {
    signal.throwIfAborted();
    const known = await observeKnown(place, one);
    if (typeof known === 'string') untried.push({ statement: nameOf(one), reason: known });
    else statements.push(known);
  }
  return { tables, statements, untried };
}

/** What it does, or why that can't be known. */
async function observeKnown(place: Replay, sent: RecordedStatement): Promise<Known | string> {
  const asSent = await replay(place, sent);
  const recorded = await settleValues(place, sent, asSent);
  const first = recorded === sent ? asSent : await replay(place, recorded);
  if (first.kind === 'refused') return first.message;
  const second = await replay(place, recorded);
  if (second.kind === 'refused') return second.message;
  const tried =
    first.affected !== undefined
      ? await tryVariations(place.connection, recorded, variations(recorded.parameters))
      : [];
  return {
    recorded,
    isOrdered: /\bORDER\s+BY\b/i.test(recorded.statement),
    isWrite: first.affected !== undefined || first.effect.length > 0,
    done: first,
    unstable: instability(first, second),
    tried: tried.filter(({ isRefused }) => !isRefused),
  };
}
