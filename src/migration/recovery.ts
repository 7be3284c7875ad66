/**
 * What has become of a statement that was begun when its migrator or its server was ended. Pure. It is
 * decided while the migrators' locks are held, so the statement is no longer running anywhere. What can't be
 * known is said to be unclear and left to a human: nothing is guessed.
 *
 * What the statement does to the schema was found out on a shadow beforehand and stands in its row. Only
 * where it does not is the statement judged by its words.
 */

import { isAtomicSchemaChange, readsSession, setsSession } from './allowed-statement.ts';
import type { Schema } from './fingerprint.ts';
import type { JournalRow } from './journal-row.ts';
import type { MigrationFile, Statement } from './migration-set.ts';
import { describeDifference, difference, type SchemaChange } from './schema-difference.ts';

/** The schema as it is now. */
export interface LiveSchema {
  readonly fingerprint: string;
  readonly objects: Schema;
  /** Names of tables whose changes are not undone by a rollback or a crash. */
  readonly notTransactional: readonly string[];
  /** What the interrupted statement was to change, when the journal knows. */
  readonly changes?: SchemaChange;
}

export type Recovery =
  /** Nothing of it is in the database, or it may be run twice: it can be run. */
  | { readonly kind: 'not-applied' }
  /** All of it is: only the journal has to be told. */
  | { readonly kind: 'applied' }
  | { readonly kind: 'unclear'; readonly reason: string };

/** What has become of the statement of `row`, which is still `running`. */
export function interruptedStatement(file: MigrationFile, row: JournalRow, live: LiveSchema): Recovery {
  const statement = file.statements[row.statement - 1];
  if (statement?.repeatable === true && statement.hash === row.hash) return { kind: 'not-applied' };
  if (!row.began) return rolledBack(file, row, live);
  if (statement?.hash !== row.hash) {
    return unclear(file, row, 'it has been edited since: put it back as it was, then run again');
  }
  if (row.epoch === 0) return unclear(file, row, 'an older release of Holdfast began it');
  const outcome =
    row.fingerprintAfter === undefined
      ? byWords(statement.sql, row, live)
      : byFingerprints(row, row.fingerprintAfter, live);
  return typeof outcome === 'string' ? unclear(file, row, outcome) : outcome;
}

/** Its transaction was never committed. */
function rolledBack(file: MigrationFile, row: JournalRow, { notTransactional }: LiveSchema): Recovery {
  if (notTransactional.length === 0) return { kind: 'not-applied' };
  const tables = notTransactional.join(', ');
  return unclear(file, row, `it may have changed tables that have no transactions (${tables})`);
}

/** What became of it, or why that can't be known. */
function byFingerprints(row: JournalRow, after: string, live: LiveSchema): Recovery | string {
  if (row.fingerprintBefore === after) return 'it commits by itself and leaves no trace in the schema';
  if (row.isSingle !== true) return 'it does several things and commits in between';
  if (live.fingerprint === after) return { kind: 'applied' };
  if (live.fingerprint === row.fingerprintBefore) return { kind: 'not-applied' };
  const lines = live.changes === undefined ? [] : describeChanges(live.changes, live.objects);
  return ['the schema is neither as before it nor as after it', ...lines].join('\n    ');
}

/** Without a shadow nothing but its words tell that it is a single schema change. */
function byWords(sql: string, row: JournalRow, live: LiveSchema): Recovery | string {
  const isUnchanged = row.fingerprintBefore === live.fingerprint;
  if (isAtomicSchemaChange(sql)) return { kind: isUnchanged ? 'not-applied' : 'applied' };
  const schema = isUnchanged ? 'the schema is as it was before' : 'the schema has changed since';
  return `it commits by itself, perhaps in several steps, and ${schema}`;
}

/** Each object that the statement was to change, and what it is now, in lines. */
function describeChanges(changes: SchemaChange, objects: Schema): string[] {
  const lines = changes.flatMap(({ object, expected, found: before }) => {
    const now = objects.get(object);
    if (now === expected) return [`${object}: is as after it`];
    if (now === before) return [`${object}: is as before it`];
    return describeDifference([difference(object, expected, now)]);
  });
  const isElsewhere = changes.every(({ object, expected, found }) =>
    [expected, found].includes(objects.get(object)),
  );
  return isElsewhere
    ? [...lines, 'another part of the schema has changed since, or only a part of it was done']
    : lines;
}

function unclear(file: MigrationFile, row: JournalRow, why: string): Recovery {
  const line = file.statements[row.statement - 1]?.line;
  const place = line === undefined ? file.file : `${file.file}:${line}`;
  const name = `V${row.version}:${row.statement}`;
  return {
    kind: 'unclear',
    reason:
      `${place}: statement ${row.statement} was interrupted, and whether it has been applied can't be known: ${why}.\n` +
      `    Look at the database. If all of it is there: holdfast migrate repair --applied ${name} --reason WHY. ` +
      `If nothing of it is: holdfast migrate repair --not-applied ${name} --reason WHY. Then run the migrations again`,
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
