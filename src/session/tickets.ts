/** Those who wait until a write is acknowledged. */
import { WAIT_MS } from './timing.ts';
import type { News } from './keeper.ts';

export type TicketEnd = 'settled' | 'lost' | 'late';

interface Holder {
  readonly until: number;
  readonly end: (how: TicketEnd) => void;
}

export class Tickets {
  readonly #now: () => number;
  #last = 0;
  /** In the order of `until`. */
  readonly #holders = new Map<number, Holder>();

  /** @param now ms of a clock that never goes back */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A new ticket; `wait` for it in the same turn of the event loop. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  wait(ticket: number): Promise<TicketEnd> {
    return new Promise((end) => this.#holders.set(ticket, { until: this.#now() + WAIT_MS, end }));
  }

  take({ settled, lost }: News): void {
    for (const ticket of settled) this.#end(ticket, 'settled');
    for (const ticket of lost) this.#end(ticket, 'lost');
  }

  /** Ends the waiting of those who have waited too long. */
  expire(): void {
    const now = this.#now();
    for (const [ticket, { until }] of this.#holders) {
      if (now < until) return;
      this.#end(ticket, 'late');
    }
  }

  #end(ticket: number, how: TicketEnd): void {
    const holder = this.#holders.get(ticket);
    this.#holders.delete(ticket);
    holder?.end(how);
  }
}
