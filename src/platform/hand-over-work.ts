/**
 * How tables and slots of services that hand sessions over are brought about, wherever these run: the instances are
 * asked and told, the place keeps the tables. What always holds: a table is told only after it is stored, and the tables
 * of one service one after the other.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { OperationError } from '../app/failure.ts';
import { encodeCompact } from '../routing/hand-over/compact-table.ts';
import { toldForm, type CopiedTable } from '../routing/hand-over/copied-table.ts';
import { afterHandOver, type HandOver } from '../routing/hand-over/next-change.ts';
import { askHandOver, tellTable } from '../routing/hand-over/participant-client.ts';
import type { HandOverActivity } from './observation.ts';

/** How long everybody may take to be told a table; ms. */
const TELL_PATIENCE_MS = 250;
/** Slots that were too busy to be handed over are left alone for so long; ms. */
const POSTPONED_MS = 10_000;

/** A table with the forms that it is told and stored in: made once, since that takes a while. */
export interface FormedTable {
  readonly table: CopiedTable;
  readonly told: string;
  readonly stored: object;
}

export function formed(table: CopiedTable): FormedTable {
  return { table, told: JSON.stringify(toldForm(table)), stored: encodeCompact(table) };
}

/** What the work needs of the place where the instances are. */
export interface HandOverPlace {
  /** The token of a service's instances. @throws OperationError when there is none */
  token(service: string): Promise<string>;
  /** Where the instances of a service speak the protocol. */
  urls(service: string): readonly string[];
}

/** Puts a table in force. @throws when another one than it was made from is in force by now */
export type StoreTable = (table: FormedTable) => Promise<void>;

/**
 * Tells all at once: users wait for those a hand-over is about, and for the answers of their second owners, who have to know
 * the table for that. Resolves when `needed` are told, and the others are or have had some time.
 */
export async function tellEverybody(
  needed: readonly string[],
  others: readonly string[],
  tell: (url: string) => Promise<void>,
): Promise<void> {
  const enough = new AbortController();
  const all = needed.map(tell);
  const rest = Promise.all(others.map(tell));
  const patience = sleep(TELL_PATIENCE_MS, undefined, { signal: enough.signal }).catch(() => undefined);
  await Promise.all([...all, Promise.race([rest, patience])]);
  enough.abort();
}

export class HandOverWork {
  readonly #place: HandOverPlace;
  /** Services of which slots are being handed over. */
  readonly #busy = new Set<string>();
  /** By service: how many tables are being told. */
  readonly #publishing = new Map<string, number>();
  /** By service: until when a slot is left alone. */
  readonly #postponed = new Map<string, Map<number, number>>();
  readonly #turns = new Map<string, Promise<void>>();

  constructor(place: HandOverPlace) {
    this.#place = place;
  }

  activity(service: string): HandOverActivity {
    const now = performance.now();
    const left = [...(this.#postponed.get(service) ?? [])].filter(([, until]) => until > now);
    return {
      isBusy: this.#busy.has(service),
      isPublishing: this.#publishing.has(service),
      postponed: left.map(([slot]) => slot),
    };
  }

  /** Tells one instance a table. @throws OperationError when it does not take it */
  async tell(table: CopiedTable, url: string): Promise<void> {
    await tellTable(url, await this.#place.token(table.service), JSON.stringify(toldForm(table)));
  }

  /**
   * Stores a table that no hand-over has led to.
   * @returns once it is stored, how to wait until it is told
   */
  async publish(table: CopiedTable, store: StoreTable): Promise<() => Promise<void>> {
    return this.#publish(formed(table), store, []);
  }

  /**
   * Has slots moved and puts the table that follows in force.
   * @param inForce the table that the order was made from
   * @throws OperationError when nothing was handed over; what was frozen for it is called off by the next table
   */
  async handOver(order: HandOver, inForce: CopiedTable, store: StoreTable): Promise<void> {
    const { service, from, to } = order;
    if (this.#busy.has(service)) throw new OperationError(`${service} hands slots over already`);
    this.#busy.add(service);
    try {
      const next = await this.#moved(order, inForce);
      const told = await this.#publish(next, store, [to.url, from.url]);
      await told();
    } finally {
      this.#busy.delete(service);
    }
  }

  async #moved(order: HandOver, inForce: CopiedTable): Promise<FormedTable> {
    const { service, from, to } = order;
    // Users wait from now on: while the instances are at work, the table is made that will mostly follow.
    const [slots, expected] = await Promise.all([
      askHandOver(from.url, await this.#place.token(service), order),
      setImmediate().then(() => formed(afterHandOver(inForce, order, order.slots))),
    ]);
    this.#postpone(service, order.slots, slots);
    if (slots.length === 0) throw new OperationError(`${from.id} could give nothing to ${to.id}`);
    return slots.length === order.slots.length ? expected : formed(afterHandOver(inForce, order, slots));
  }

  async #publish(
    table: FormedTable,
    store: StoreTable,
    first: readonly string[],
  ): Promise<() => Promise<void>> {
    const { service } = table.table;
    this.#publishing.set(service, (this.#publishing.get(service) ?? 0) + 1);
    const over = (): void => {
      const left = (this.#publishing.get(service) ?? 1) - 1;
      if (left === 0) this.#publishing.delete(service);
      else this.#publishing.set(service, left);
    };
    try {
      await store(table);
    } catch (error) {
      over();
      throw error;
    }
    const told = this.#inTurn(service, () => this.#tellAll(table, first)).finally(over);
    return () => told;
  }

  /** Whoever does not take it now is told again as soon as it says that it knows an older one. */
  async #tellAll({ table: { service }, told }: FormedTable, first: readonly string[]): Promise<void> {
    const token = await this.#place.token(service);
    const tell = (url: string): Promise<void> => tellTable(url, token, told).catch(() => undefined);
    const others = this.#place.urls(service).filter((url) => !first.includes(url));
    await tellEverybody(first, others, tell);
  }

  #postpone(service: string, asked: readonly number[], given: readonly number[]): void {
    const now = performance.now();
    const until = new Map([...(this.#postponed.get(service) ?? [])].filter(([, at]) => at > now));
    const moved = new Set(given);
    for (const slot of asked) if (!moved.has(slot)) until.set(slot, now + POSTPONED_MS);
    this.#postponed.set(service, until);
  }

  async #inTurn(service: string, work: () => Promise<void>): Promise<void> {
    const done = (this.#turns.get(service) ?? Promise.resolve()).then(work);
    this.#turns.set(
      service,
      done.catch(() => undefined),
    );
    await done;
  }
}
