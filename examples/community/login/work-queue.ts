/**
 * Bounds how much expensive work runs at once and how much may wait for it. Without it a rush of
 * log-ins would fill Node's thread pool and every other request would wait behind the hashing.
 */
export class WorkQueue {
  readonly #limits: { readonly running: number; readonly waiting: number };
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: { readonly running: number; readonly waiting: number }) {
    this.#limits = limits;
  }

  /** The work's result, or undefined, without having begun it, when too much waits already. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#running < this.#limits.running) this.#running++;
    else if (this.#waiting.length >= this.#limits.waiting) return undefined;
    else await new Promise<void>((turn) => this.#waiting.push(turn));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The place goes straight to the next in line, so nobody can slip in between.
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
