/**
 * Frees users pinned to instances that have gone. Every router clears them when it takes the instance out,
 * but not at the same moment: one that is later teaches such a pin to the others again. So those that went a
 * short while ago are cleared again, and now and then whatever no endpoint has. A pin to an instance that
 * only this router has not heard of is given time: it is cleared when two looks in a row found it.
 */
import type { SharedPins } from '../../../routing/shared-pins.ts';

/** How long after one look for unknown ids comes the next; ms. */
const LOOK_EVERY = 30_000;

/** Ids of servers by stateful service. */
export interface PinIds {
  /** Of all endpoints. */
  readonly known: ReadonlyMap<string, readonly number[]>;
  /** Of those whose pins do not count any more. */
  readonly freed: ReadonlyMap<string, ReadonlySet<number>>;
}

export class StrayPins {
  readonly #pins: SharedPins;
  #lookedAt = 0;
  /** What the last look found, by service. */
  #found: ReadonlyMap<string, ReadonlySet<number>> = new Map();

  constructor(pins: SharedPins) {
    this.#pins = pins;
  }

  /** @param ids by stateful service @param now ms of a clock that never goes back */
  async sweep(ids: PinIds, now: number, signal: AbortSignal): Promise<void> {
    const { known, freed } = ids;
    for (const service of known.keys()) {
      for (const id of freed.get(service) ?? []) await this.#pins.clear(service, id, signal);
    }
    if (now - this.#lookedAt < LOOK_EVERY) return;
    this.#lookedAt = now;
    const found = new Map<string, ReadonlySet<number>>();
    for (const [service, ids] of known) found.set(service, await this.#look(service, ids, signal));
    this.#found = found;
  }

  /** @returns ids that nobody has, those cleared now left out */
  async #look(service: string, known: readonly number[], signal: AbortSignal): Promise<ReadonlySet<number>> {
    const strays = await this.#pins.strays(service, known, signal);
    const before = this.#found.get(service);
    for (const id of strays) {
      if (before?.has(id) !== true) continue;
      await this.#pins.clear(service, id, signal);
      strays.delete(id);
    }
    return strays;
  }
}
