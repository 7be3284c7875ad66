/**
 * What has become of a statement that was begun when its migrator or its server was ended. Pure. It is
 * decided while the migrators' lock is held, so the statement is no longer running anywhere. What can't be
 * known is said to be unclear and left to a human: nothing is guessed.
 */

import { isAtomicSchemaChange, readsSession, setsSession } from './allowed-statement.ts';
import { journalTable, type JournalRow } from './journal.ts';
import type { MigrationFile, Statement } from './migration-set.ts';

/** The schema as it is now. */
export interface LiveSchema {
  readonly fingerprint: string;
  /** Names of tables whose changes are not undone by a rollback or a crash. */
  readonly notTransactional: readonly string[];
}

export type Recovery =
  /** Nothing of it is in the database: it can be run. */
  | { readonly kind: 'not-applied' }
  /** All of it is: only the journal has to be told. */
  | { readonly kind: 'applied' }
  | { readonly kind: 'unclear'; readonly reason: string };

/** What has become of the statement of `row`, which is still `running`. */
export function interruptedStatement(file: MigrationFile, row: JournalRow, live: LiveSchema): Recovery {
  const statement = file.statements[row.statement - 1];
  const unchanged = row.fingerprintBefore === live.fingerprint;
  if (!row.began) {
    if (live.notTransactional.length === 0) return { kind: 'not-applied' };
    const tables = live.notTransactional.join(', ');
    return unclear(file, row, `it may have changed tables that have no transactions (${tables})`);
  }
  if (statement?.hash !== row.hash) {
    return unclear(file, row, 'it has been edited since: put it back as it was, then run again');
  }
  if (!isAtomicSchemaChange(statement.sql)) {
    const schema = unchanged ? 'the schema is as it was before' : 'the schema has changed since';
    return unclear(file, row, `it commits by itself, perhaps in several steps, and ${schema}`);
  }
  return { kind: unchanged ? 'not-applied' : 'applied' };
}

function unclear(file: MigrationFile, row: JournalRow, why: string): Recovery {
  const line = file.statements[row.statement - 1]?.line;
  const place = line === undefined ? file.file : `${file.file}:${line}`;
  const key = `WHERE version = '${row.version}' AND statement = ${row.statement}`;
  return {
    kind: 'unclear',
    reason:
      `${place}: statement ${row.statement} was interrupted, and whether it has been applied can't be known: ${why}. ` +
      `Look at the database. If nothing of it is there: DELETE FROM ${journalTable} ${key}. ` +
      `If all of it is: UPDATE ${journalTable} SET state = 'applied' ${key}. Then run the migrations again`,
  };
}

/** What a new connection needs before a file can go on at one of its statements. */
export type SessionPlan =
  /** Statements to repeat, in this order. */
  | { readonly kind: 'repeat'; readonly statements: readonly Statement[] }
  | { readonly kind: 'lost'; readonly reason: string };

/**
 * How the connection is brought to where it was before statement `from`: settings are repeated; a value that
 * was computed is gone, and is not computed anew from data that may be others now.
 */
export function sessionBefore(file: MigrationFile, from: number): SessionPlan {
  const before = file.statements.slice(0, from - 1);
  const after = file.statements.slice(from - 1);
  const lost = before.some(({ sql }) => computesVariable(sql))
    ? after.find(({ sql }) => readsSession(sql))
    : undefined;
  const needing = before.length === 0 ? undefined : (lost ?? after.find(({ sql }) => readsResult(sql)));
  if (needing) {
    return {
      kind: 'lost',
      reason:
        `${file.file}:${needing.line}: statement ${needing.index} uses a value that the connection had before it was ended. ` +
        'Write the value into the statement, or compute it there, then run the migrations again',
    };
  }
  return { kind: 'repeat', statements: before.filter(({ sql }) => setsSession(sql) && !isComputed(sql)) };
}

function computesVariable(sql: string): boolean {
  return readsSession(sql) && (setsSession(sql) ? isComputed(sql) : /\bINTO\s+@|:=|^\s*CALL\b/i.test(sql));
}

function readsResult(sql: string): boolean {
  return /\b(?:LAST_INSERT_ID|FOUND_ROWS|ROW_COUNT)\s*\(/i.test(sql);
}

/** A query, or a function that may answer differently the next time. */
function isComputed(sql: string): boolean {
  return /\b(?:SELECT|INSERT)\b|\w\s*\(/i.test(sql);
}
