/** What the shadow tells of statements, one after the other, to be asked for while it is still at work. */

import type { Rehearsed } from './rehearsal.ts';

export class RehearsedSteps {
  readonly #steps: Rehearsed[];
  readonly #ended = Promise.withResolvers<undefined>();
  #grown = Promise.withResolvers<undefined>();
  #isEnded = false;

  /** Begins with what is known already. */
  constructor(known: readonly Rehearsed[] = []) {
    this.#steps = [...known];
  }

  add(step: Rehearsed): void {
    this.#steps.push(step);
    this.#grown.resolve(undefined);
    this.#grown = Promise.withResolvers();
  }

  /** Nothing more will come. */
  end(): void {
    this.#isEnded = true;
    this.#ended.resolve(undefined);
  }

  /** What is known of a step now. */
  known(index: number): Rehearsed | undefined {
    return this.#steps[index];
  }

  /** Waits until the step is known; none when it never will be. */
  async at(index: number): Promise<Rehearsed | undefined> {
    while (this.#steps[index] === undefined && !this.#isEnded)
      await Promise.race([this.#grown.promise, this.#ended.promise]);
    return this.#steps[index];
  }
}
