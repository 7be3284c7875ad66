/**
 * A queue of keys to look at, as client-go's workqueue: a key that is added many times before its turn is
 * looked at once; one key is never looked at twice at the same time; a failure is tried again, later each
 * time. A key that is neither waiting, nor under way, nor failing takes no memory.
 */
import { restartDelay, type Backoff } from '../../../scaling/backoff.ts';

/** Time as the queue needs it; ms. */
export interface Timers {
  /** @returns the function that takes it back */
  after(ms: number, callback: () => void): () => void;
  now(): number;
}

export const SYSTEM_TIMERS: Timers = {
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  now: () => performance.now(),
};

export interface KeyedQueueOptions {
  /** Looks at one key. What it throws makes the queue come back to the key. */
  readonly work: (key: string, signal: AbortSignal) => Promise<void>;
  /** How many keys are looked at side by side; default 1. */
  readonly concurrency?: number;
  readonly onError: (key: string, error: unknown) => void;
  readonly timers?: Timers;
}

/** Before a key that failed is looked at again. */
const RETRY: Backoff = { first: 5, most: 30_000 };

interface Later {
  readonly at: number;
  readonly cancel: () => void;
}

export class KeyedQueue {
  readonly #options: KeyedQueueOptions;
  readonly #timers: Timers;
  /** In the order of their turns. */
  readonly #waiting = new Set<string>();
  readonly #working = new Map<string, Promise<void>>();
  readonly #later = new Map<string, Later>();
  readonly #failures = new Map<string, number>();
  #signal: AbortSignal | undefined;

  constructor(options: KeyedQueueOptions) {
    this.#options = options;
    this.#timers = options.timers ?? SYSTEM_TIMERS;
  }

  /** Keys that the queue knows in any way. */
  get size(): number {
    const keys = [this.#waiting, this.#working, this.#later, this.#failures].flatMap((some) => [
      ...some.keys(),
    ]);
    return new Set(keys).size;
  }

  /** To be looked at as soon as possible; if it is under way, once more after that. */
  add(key: string): void {
    if (this.#signal?.aborted === true) return;
    this.#waiting.add(key);
    this.#next();
  }

  /** To be looked at in `ms`; of several such wishes for a key the earliest counts. */
  addAfter(key: string, ms: number): void {
    const at = this.#timers.now() + ms;
    const planned = this.#later.get(key);
    if (this.#signal?.aborted === true || (planned !== undefined && planned.at <= at)) return;
    planned?.cancel();
    const cancel = this.#timers.after(ms, () => {
      this.#later.delete(key);
      this.add(key);
    });
    this.#later.set(key, { at, cancel });
  }

  /** Works until the signal is aborted; fulfilled when what was under way then has ended. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#next();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (const { cancel } of this.#later.values()) cancel();
    this.#later.clear();
    await Promise.all(this.#working.values());
  }

  #next(): void {
    const signal = this.#signal;
    if (signal === undefined || signal.aborted) return;
    for (const key of this.#waiting) {
      if (this.#working.size >= (this.#options.concurrency ?? 1)) return;
      if (this.#working.has(key)) continue;
      this.#working.set(key, this.#work(key, signal));
    }
  }

  async #work(key: string, signal: AbortSignal): Promise<void> {
    await Promise.resolve(); // what is added several times in one go is one wish
    this.#waiting.delete(key);
    try {
      await this.#options.work(key, signal);
      this.#failures.delete(key);
    } catch (error) {
      this.#fail(key, error, signal);
    } finally {
      this.#working.delete(key);
      this.#next();
    }
  }

  #fail(key: string, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return; // it was told to stop
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.addAfter(key, restartDelay(failures, RETRY));
    this.#options.onError(key, error);
  }
}
