/** What is expected of the statements that are to be run, as far as the shadow can tell, while it is still at work. */

import type { Statement } from './migration-set.ts';
import type { ForeseenSteps } from './shadow/foresight.ts';
import type { Rehearsed, Step } from './shadow/rehearsal.ts';

export class Expectations {
  readonly #indexes: ReadonlyMap<Statement, number>;
  readonly #steps: ForeseenSteps | undefined;

  /** `pending` is what was foreseen, in order. */
  constructor(pending: readonly Step[], steps: ForeseenSteps | undefined) {
    this.#indexes = new Map(pending.map(({ statement }, index) => [statement, index]));
    this.#steps = steps;
  }

  /** What is known of it now. */
  known(statement: Statement): Rehearsed | undefined {
    const index = this.#indexes.get(statement);
    return index === undefined ? undefined : told(this.#steps?.known(index));
  }

  /** The same, when the shadow has come to it. */
  async of(statement: Statement): Promise<Rehearsed | undefined> {
    const index = this.#indexes.get(statement);
    return index === undefined ? undefined : told(await this.#steps?.at(index));
  }
}

/** One that leaves open what it would do tells nothing. */
function told(step: Rehearsed | undefined): Rehearsed | undefined {
  return step?.after === undefined ? undefined : step;
}
