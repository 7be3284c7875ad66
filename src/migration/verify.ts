/** Whether a database has the schema that the history of its migrations leads to. Only reads. */

import { OperationError, UserError } from '../app/failure.ts';
import { readSession, reasonOf } from './connect.ts';
import { readSchema } from './fingerprint.ts';
import { Journal } from './journal.ts';
import type { JournalRow } from './journal-row.ts';
import { MigrationRefused } from './migration-failure.ts';
import type { MigrationSet } from './migration-set.ts';
import { fileStatuses } from './plan.ts';
import { withTarget } from './run.ts';
import { schemaDifference, type ObjectDifference } from './schema-difference.ts';
import { historySchema, type ShadowSettings } from './shadow/foresight.ts';
import type { Step } from './shadow/rehearsal.ts';

export interface VerifyOptions {
  /** URL of the database with an account that may see its whole schema; see connection-url.ts. */
  readonly url: string;
  readonly set: MigrationSet;
  readonly shadow: ShadowSettings;
  readonly signal: AbortSignal;
}

export interface Verification {
  /** Every object that is not what the files lead to; empty when all is. */
  readonly drift: readonly ObjectDifference[];
  /** How many statements the history has. */
  readonly statements: number;
}

/**
 * Compares the live schema with what the applied migrations make on a shadow. Throws `MigrationRefused` when
 * what has been applied is not what the files say, `UserError` when they are not the whole history,
 * `OperationError` when it can't be found out.
 */
export async function verifySchema(options: VerifyOptions): Promise<Verification> {
  return withTarget(options, async ({ connection, database }) => {
    const { set, shadow, signal } = options;
    const rows = await new Journal(connection, database).rows();
    const applied = historyOf(set, rows);
    const session = await readSession(connection);
    const live = await readSchema(connection, database);
    try {
      const expected = await historySchema({ shadow, connection, database, session, applied, signal });
      return { drift: schemaDifference(expected, live), statements: applied.length };
    } catch (error) {
      signal.throwIfAborted();
      throw new OperationError(`what the schema should be can't be found out: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  });
}

/** The applied statements, in order. Throws when the files are not what has been applied. */
export function historyOf(set: MigrationSet, rows: readonly JournalRow[]): Step[] {
  const statuses = fileStatuses(set, rows);
  const wrong = statuses.filter(({ state }) => state === 'changed' || state === 'missing');
  if (wrong.length > 0) throw new MigrationRefused(wrong.map(({ problem = '' }) => problem));
  const ahead = statuses.find(({ state }) => state === 'ahead');
  if (ahead) {
    throw new UserError(
      `V${ahead.version}__${ahead.name}.sql has been applied and is not in the folder: verify with the folder that has it`,
    );
  }
  const unfinished = statuses.find(({ state }) => state === 'unfinished');
  if (unfinished) {
    throw new UserError(`${unfinished.file ?? ''} is not finished: run the migrations first`);
  }
  const counts = new Map(statuses.map(({ version, applied }) => [version, applied]));
  return set.files.flatMap((file) =>
    file.statements.slice(0, counts.get(file.version) ?? 0).map((statement) => ({ file, statement })),
  );
}
