/**
 * Work that is begun at a fixed rate, whatever becomes of it: what is late delays nothing else. Each piece is noted
 * with the time when it was due, so a stall shows in all that it held up.
 */

export interface Piece {
  /** From when it was due until it was done; ms. */
  readonly ms: number;
  /** Why it failed, if it did. */
  readonly error?: string;
}

export class SteadyWork {
  readonly #work: () => Promise<void>;
  readonly #interval: number;
  readonly #underWay = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #pieces: Piece[] = [];
  #nextDue = performance.now();

  constructor(work: () => Promise<void>, perSecond: number) {
    this.#work = work;
    this.#interval = 1_000 / perSecond;
    this.#timer = setInterval(() => this.#catchUp(), 1);
  }

  /** What has ended since this was called last. */
  take(): readonly Piece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** Begins nothing more and waits for what is under way. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }

  #catchUp(): void {
    for (; this.#nextDue <= performance.now(); this.#nextDue += this.#interval) {
      const done = this.#try(this.#nextDue).finally(() => this.#underWay.delete(done));
      this.#underWay.add(done);
    }
  }

  async #try(due: number): Promise<void> {
    const error = await this.#work().then(
      () => undefined,
      (reason: unknown) => String(reason),
    );
    const ms = performance.now() - due;
    this.#pieces.push(error === undefined ? { ms } : { ms, error });
  }
}
