/**
 * Which changes of data need no commit but their own. One that can't commit by itself is there with its row in the
 * journal or not at all, so the row need not be durable before it. It is nevertheless
 *  - on Galera, where the fence at its end could roll back what took an hour;
 *  - while a table has no transactions, since the row is all that would tell of a statement that was interrupted;
 *  - while a table is large, since what came before would not be told for as long as the statement takes.
 */

import { isDataChange, setsSession } from './allowed-statement.ts';
import type { Expectation } from './journal-writing.ts';
import type { SchemaChange } from './schema-difference.ts';

export interface Surroundings {
  /** Whether the server is a node of Galera. */
  readonly isCluster: boolean;
  /** Names of tables without transactions, before the run. */
  readonly notTransactional: readonly string[];
  /** Whether a table is large, before the run. */
  readonly hasLarge: boolean;
}

/** Follows the tables of a database through a run. */
export class OwnCommits {
  #enough: boolean;

  constructor({ isCluster, notTransactional, hasLarge }: Surroundings) {
    this.#enough = !isCluster && !hasLarge && notTransactional.length === 0;
  }

  /** Whether the statement, which comes next, needs no commit before it. */
  suffices(sql: string): boolean {
    return this.#enough && isDataChange(sql);
  }

  /** To be told of every statement that has run, and what was expected of it. */
  ran(sql: string, { isSingle, changes }: Expectation): void {
    if (isDataChange(sql) || setsSession(sql)) return;
    // What does several things may have made other tables than on the shadow.
    if (isSingle !== true || changes === undefined || !changes.every(isTransactional)) this.#enough = false;
  }
}

/** As SHOW CREATE TABLE tells it. */
function isTransactional({ object, expected }: SchemaChange[number]): boolean {
  if (expected === undefined || !object.startsWith('table ')) return true;
  const options = expected.slice(expected.lastIndexOf('\n)'));
  return /^\n\) ENGINE=InnoDB\b/.test(options);
}
