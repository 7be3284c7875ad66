/**
 * What has been seen of an application's statements so far: each once, without anybody's data. Bounded, however
 * long it is gathered.
 */

import { leadingWords } from '../allowed-statement.ts';
import type { Parameter } from '../lint/recording.ts';
import { journalTable } from '../own-tables.ts';
import { normalise, valuesOf, written, type Piece, type Reading } from './normalise.ts';

/** A statement as it was sent, with the account that sent it. */
export interface SentStatement {
  readonly account: string;
  readonly sql: string;
}

/** A statement that was seen, with some of the kinds of values that it was seen with. */
export interface SeenStatement {
  readonly pieces: readonly Piece[];
  readonly parameters: readonly (readonly Parameter[])[];
  /** Sorted. */
  readonly accounts: readonly string[];
}

/** How many were seen, and what became of them. */
export interface Counts {
  seen: number;
  /** What changes no rows and reads none, such as SET and COMMIT, and what the server takes from a routine. */
  others: number;
  /** What can't be told apart into code and data. */
  unclear: number;
  /** Beyond what is kept. */
  beyond: number;
}

const mostStatements = 2_000;
const mostParameters = 3;

/** What reads or writes rows begins with one of these. */
const firstWords = new Set([
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'REPLACE',
  'CALL',
  'WITH',
  'VALUES',
  '(',
]);

interface Kept {
  readonly pieces: readonly Piece[];
  readonly parameters: Map<string, readonly Parameter[]>;
  readonly accounts: Set<string>;
}

export class Collection {
  readonly #reading: Reading;
  readonly #bodies: readonly string[];
  readonly #kept = new Map<string, Kept>();
  readonly #counts: Counts = { seen: 0, others: 0, unclear: 0, beyond: 0 };

  /** `bodies` are those of routines, triggers and events. */
  constructor(reading: Reading, bodies: readonly string[] = []) {
    this.#reading = reading;
    this.#bodies = bodies;
  }

  get counts(): Readonly<Counts> {
    return this.#counts;
  }

  add({ sql, account }: SentStatement): void {
    // The migrator's own business, also where it waits beside a service.
    if (sql.includes(journalTable)) return;
    this.#counts.seen += 1;
    if (!firstWords.has(leadingWords(sql, 1)[0] ?? '') || this.#bodies.some((body) => body.includes(sql))) {
      this.#counts.others += 1;
      return;
    }
    const pieces = normalise(sql, this.#reading);
    if (pieces) this.#keep(pieces, account);
    else this.#counts.unclear += 1;
  }

  /** By their texts, in an order that is always the same. */
  statements(): SeenStatement[] {
    return [...this.#kept]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { pieces, parameters, accounts }]) => ({
        pieces,
        parameters: wholeFirst([...parameters].toSorted(([a], [b]) => (a < b ? -1 : 1))),
        accounts: [...accounts].toSorted(),
      }));
  }

  #keep(pieces: readonly Piece[], account: string): void {
    const text = written(pieces, () => true);
    const kept = this.#kept.get(text) ?? { pieces, parameters: new Map(), accounts: new Set() };
    if (!this.#kept.has(text)) {
      if (this.#kept.size >= mostStatements) {
        this.#counts.beyond += 1;
        return;
      }
      this.#kept.set(text, kept);
    }
    kept.accounts.add(account);
    const values = valuesOf(pieces).map(({ parameter }) => parameter);
    const key = JSON.stringify(values);
    if (kept.parameters.size < mostParameters) kept.parameters.set(key, values);
  }
}

/** Values that were not seen count only where none were. */
function wholeFirst(kinds: readonly (readonly [string, readonly Parameter[]])[]): (readonly Parameter[])[] {
  const all = kinds.map(([, values]) => values);
  const whole = all.filter((values) => values.every(({ type }) => type !== 'unknown'));
  return whole.length > 0 ? whole : all;
}
