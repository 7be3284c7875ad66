/**
 * The time in which this process has run. Whoever waits for something waits so long by this clock: what has come while the
 * process got no processor could not be read, and nobody is to be told that it did not come.
 */

/** Between two ticks more than this is a standstill, in ms. */
const TICK_AT_MOST_MS = 200;

export class AwakeTime {
  readonly #now: () => number;
  #awake = 0;
  #tickedAt: number;

  /** @param now ms of a clock that never goes back */
  constructor(now: () => number) {
    this.#now = now;
    this.#tickedAt = now();
  }

  /** ms; as long as there are ticks it goes as fast as the clock. */
  now(): number {
    return this.#awake + Math.min(this.#now() - this.#tickedAt, TICK_AT_MOST_MS);
  }

  /** A tick: to be called far more often than the longest time that is no standstill. */
  passed(): void {
    this.#awake = this.now();
    this.#tickedAt = this.#now();
  }
}
