/**
 * Which of a statement's values may be parameters: the server says so, by preparing it. Nothing is executed. What
 * it does not prepare is left out, for then it is not known that all data was found in it.
 */

import type { Connection } from 'mysql2/promise';
import { textLiteral } from '../lint/execute-text.ts';
import type { RecordedStatement } from '../lint/recording.ts';
import type { SeenStatement } from './collection.ts';
import { mayBeParameters, valuesOf, written, type Piece } from './normalise.ts';

/** The statement as a recording has it, once for each of its kinds of values; none when the server refuses it. */
export async function recordedForms(
  connection: Connection,
  { pieces, parameters, accounts }: SeenStatement,
): Promise<RecordedStatement[]> {
  const isParameter = await parametersOf(connection, pieces);
  if (!isParameter) return [];
  const statement = written(pieces, (value) => isParameter[value] === true);
  const kinds = parameters.map((values) => values.filter((_, index) => isParameter[index] === true));
  const different = new Map(kinds.map((values) => [JSON.stringify(values), values]));
  return [...different.values()].map((values) => ({ statement, parameters: values, seen: [...accounts] }));
}

/** Makes ready to ask: a table that is being changed makes nobody wait here. */
export async function beginAsking(connection: Connection): Promise<void> {
  await connection.query(
    `SET SESSION lock_wait_timeout = 1,
       SESSION sql_mode = REPLACE(REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', ''), 'ANSI_QUOTES', '')`,
  );
}

async function parametersOf(
  connection: Connection,
  pieces: readonly Piece[],
): Promise<readonly boolean[] | undefined> {
  const isTaken = (choice: readonly boolean[]): Promise<boolean> =>
    canBePrepared(
      connection,
      written(pieces, (value) => choice[value] === true),
    );
  const values = valuesOf(pieces);
  const all = mayBeParameters(pieces);
  if (await isTaken(all)) return all;
  // One that was not seen can be nothing else.
  const choice = values.map(({ parameter }) => parameter.type === 'unknown');
  if (!(await isTaken(choice))) return undefined;
  for (const index of choice.keys()) {
    if (choice[index] === true || all[index] !== true) continue;
    choice[index] = true;
    if (!(await isTaken(choice))) choice[index] = false;
  }
  return choice;
}

async function canBePrepared(connection: Connection, statement: string): Promise<boolean> {
  try {
    await connection.query(`PREPARE holdfast_recorded FROM ${textLiteral(statement)}`);
    await connection.query('DEALLOCATE PREPARE holdfast_recorded');
    return true;
  } catch (error) {
    if ((error as { fatal?: unknown }).fatal === true) throw error;
    return false;
  }
}
