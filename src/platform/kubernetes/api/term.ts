import { OperationError } from '../../../app/failure.ts';

/**
 * The time for which a process leads, by its own monotonic clock; each renewal lengthens it. What is lost
 * stays lost. All times are in ms of `performance.now()`.
 */
export class Term {
  readonly #stop = new AbortController();
  readonly #length: number;
  #timer: NodeJS.Timeout | undefined;
  #until = 0;
  #lost = false;

  /** @param since when the request that won it was begun */
  constructor(since: number, length: number) {
    this.#length = length;
    this.#lastUntil(since + length);
  }

  /** Aborted when whoever works in this term has to stop. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** When it ends unless it is renewed. */
  get until(): number {
    return this.#until;
  }

  /** Right at once also in a process that was frozen and whose timers have not run yet. */
  isLost(): boolean {
    if (!this.#lost && performance.now() >= this.#until) this.lose();
    return this.#lost;
  }

  isGoingOn(): boolean {
    return !this.isLost() && !this.signal.aborted;
  }

  /** @param since when the renewal that worked was begun */
  renew(since: number): void {
    if (!this.isLost()) this.#lastUntil(since + this.#length);
  }

  lose(): void {
    this.#lost = true;
    this.close();
    this.stop(new OperationError('The lease is lost: another process leads now, or soon'));
  }

  /** Those who work in it have to stop, though it may still be ours. */
  stop(reason: unknown): void {
    this.#stop.abort(reason);
  }

  /** No timer is left. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #lastUntil(until: number): void {
    this.#until = until;
    this.close();
    this.#timer = setTimeout(() => this.lose(), until - performance.now());
  }
}
