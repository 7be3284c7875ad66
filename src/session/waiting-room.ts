/**
 * Who waits until something may be done. Everyone looks again whenever something has changed; nobody waits longer than
 * `WAIT_MS`, and no more wait at once than there is room for.
 */
import { WAIT_MS } from './timing.ts';

const MOST = 10_000;
const MOST_PER_SLOT = 500;

/** Neither the time nor the room was enough. */
export type Turned = 'late' | 'full';

interface Waiting {
  readonly slot: number;
  readonly until: number;
  /** True when it is done with. */
  readonly attempt: () => boolean;
  readonly turn: (why: Turned) => void;
}

export class WaitingRoom {
  readonly #now: () => number;
  #waiting: Waiting[] = [];
  readonly #perSlot = new Map<number, number>();

  /** @param now ms of a clock that never goes back */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Attempts now, and again whenever `look` is called, until there is something. */
  until<T>(slot: number, attempt: () => T | undefined): Promise<T | Turned> {
    const found = attempt();
    if (found !== undefined) return Promise.resolve(found);
    const inSlot = this.#perSlot.get(slot) ?? 0;
    if (this.#waiting.length >= MOST || inSlot >= MOST_PER_SLOT) return Promise.resolve('full');
    this.#perSlot.set(slot, inSlot + 1);
    return new Promise((resolve, reject) => {
      const again = (): boolean => {
        try {
          const found = attempt();
          if (found !== undefined) resolve(found);
          return found !== undefined;
        } catch (error) {
          reject(error);
          return true;
        }
      };
      this.#waiting.push({ slot, until: this.#now() + WAIT_MS, attempt: again, turn: resolve });
    });
  }

  /** Something has changed, or time has passed. */
  look(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    const now = this.#now();
    const staying = waiting.filter((one) => {
      const stays = !one.attempt() && now < one.until;
      if (!stays) this.#leave(one);
      return stays;
    });
    this.#waiting.unshift(...staying);
  }

  #leave({ slot, turn }: Waiting): void {
    turn('late');
    const inSlot = (this.#perSlot.get(slot) ?? 1) - 1;
    if (inSlot === 0) this.#perSlot.delete(slot);
    else this.#perSlot.set(slot, inSlot);
  }
}
