/**
 * One instance at work: what the keeper decides, carried out with clock, timers and network. There is one timer for
 * everything; what is due is looked for again after each thing that happens.
 */
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers';
import { AwakeTime } from './awake-time.ts';
import { parse } from './body.ts';
import type { Import } from './carried.ts';
import type { Recipient } from './hand-overs.ts';
import { Keeper } from './keeper.ts';
import { OpenStreams } from './open-streams.ts';
import type { PeerAddress, PeerClient } from './peer-client.ts';
import { SLOTS } from './slot.ts';
import { Tickets } from './tickets.ts';
import { decodeToldTable, NOBODY, type Member, type ToldTable } from './told-table.ts';
import { WaitingRoom } from './waiting-room.ts';

const TICK_MS = 50;
/** Every slot is looked at once in so many ticks for sessions that were not used. */
const SWEEP_TICKS = 200;
/** Characters of sessions in one import, at most about; a single slot may have more. */
const IMPORT_CHARACTERS = 4 * 1024 * 1024;
/** No slot: who waits is not bound to one. */
const NO_SLOT = -1;

export interface InstanceOptions {
  readonly id: string;
  readonly idleMs: number;
  /** Without it, there are no others. */
  readonly peers?: PeerClient;
}

export interface HandOverRequest {
  readonly epoch: number;
  readonly slots: readonly number[];
  readonly to: PeerAddress;
  readonly as: Recipient['as'];
}

export interface HandedOver {
  readonly epoch: number;
  /** Those that were sent. */
  readonly slots: readonly number[];
  readonly sessions: number;
}

export class Instance {
  readonly id: string;
  readonly incarnation = randomUUID();
  readonly keeper: Keeper;
  readonly streams = new OpenStreams();
  readonly #awake = new AwakeTime(now);
  readonly waiting = new WaitingRoom(() => this.#awake.now());
  readonly tickets = new Tickets(() => this.#awake.now());
  readonly #peers: PeerClient | undefined;
  readonly #timer: NodeJS.Timeout;
  /** The table as it was told, to be passed on. */
  #told = '';
  #isDue = false;

  constructor({ id, idleMs, peers }: InstanceOptions) {
    this.id = id;
    this.#peers = peers;
    this.keeper = new Keeper({ id, incarnation: this.incarnation, idleMs });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
    if (peers === undefined) this.keeper.tell(tableOfOne({ id, incarnation: this.incarnation }), now());
  }

  get told(): string {
    return this.#told;
  }

  /** Takes a table; false when a newer one is known. */
  tell(table: ToldTable, text: string): boolean {
    const before = this.keeper.epoch;
    const isTaken = this.keeper.tell(table, now());
    if (this.keeper.epoch > before) {
      this.#told = text;
      this.streams.closeWhere((slot) => this.keeper.admit(slot, now()).to === 'forward');
      this.look();
    }
    return isTaken;
  }

  /** To be called after anything that may let somebody go on. */
  look(): void {
    this.tickets.take(this.keeper.takeNews());
    this.waiting.look();
    this.due();
  }

  /** Sends what there is to copy, together with what is written in the same turn of the event loop. */
  due(): void {
    if (this.#isDue || this.#peers === undefined) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      for (const peer of this.keeper.peers()) this.#copy(peer);
    });
  }

  /** Gives slots away under a table that is not published yet; undefined when that one is no news. */
  async handOver({ epoch, slots, to, as }: HandOverRequest): Promise<HandedOver | undefined> {
    const frozen = this.keeper.freeze(epoch, slots, now());
    if (frozen === undefined) return undefined;
    const recipient = { to: to.incarnation, as };
    if (as === 'owner') this.streams.close(frozen);
    const isReady = (slot: number): boolean => this.keeper.isReady(slot, recipient);
    await this.waiting.until(NO_SLOT, () => (frozen.every(isReady) ? true : undefined));
    const ready = frozen.filter(isReady);
    const exported = this.keeper.export(epoch, ready, { recipient, now: now() });
    this.keeper.leaveOut(epoch, frozen);
    this.look();
    const sent: Import[] = [];
    for (const part of parts(exported)) {
      if (await this.#peers?.import(to, part)) sent.push(part);
    }
    return {
      epoch,
      slots: sent.flatMap(({ slots }) => slots),
      sessions: sent.reduce((sum, { sessions }) => sum + sessions.length, 0),
    };
  }

  /** Whether any table names this instance for any slot. */
  isNamed(): boolean {
    const { owned, second } = this.keeper.state();
    return owned + second > 0;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#peers?.close();
  }

  #tick(): void {
    this.keeper.sweep(Math.ceil(SLOTS / SWEEP_TICKS), now());
    this.#awake.passed();
    this.tickets.expire();
    this.look();
  }

  #copy(incarnation: string): void {
    const peer = this.#member(incarnation);
    const copy = peer === undefined ? undefined : this.keeper.nextCopy(incarnation, now());
    if (copy === undefined || peer === undefined) return;
    void this.#peers?.copy(peer, copy).then((answer) => {
      const gap = this.keeper.copyAnswered(incarnation, copy.sequence, { answer, now: now() });
      this.look();
      if (gap !== undefined) void this.#closeGap(peer, gap);
    });
  }

  /** The newer table goes from the one who knows it to the other. */
  async #closeGap({ url, incarnation }: Member, gap: 'behind' | 'ahead'): Promise<void> {
    if (gap === 'behind') {
      if ((await this.#peers?.tellTable(url, this.#told)) !== true) return;
      // Users of slots that have just come wait for its answer.
      this.keeper.caughtUp(incarnation);
      return this.due();
    }
    const text = await this.#peers?.askTable(url);
    if (text !== undefined && text !== '') this.tell(decodeToldTable(parse(text)), text);
  }

  #member(incarnation: string): Member | undefined {
    return this.keeper.table?.members.find((member) => member.incarnation === incarnation);
  }
}

/** ms of a clock that never goes back. */
export function now(): number {
  return performance.now();
}

/** An import in parts of a size that can be sent at once. */
function parts(whole: Import): Import[] {
  const found: { slots: number[]; sessions: Import['sessions'][number][] }[] = [];
  const bySlot = Map.groupBy(whole.sessions, ({ slot }) => slot);
  let room = 0;
  for (const slot of whole.slots) {
    const sessions = bySlot.get(slot) ?? [];
    const last = found.at(-1);
    const part = last === undefined || room < 0 ? { slots: [], sessions: [] } : last;
    if (part !== last) {
      found.push(part);
      room = IMPORT_CHARACTERS;
    }
    part.slots.push(slot);
    part.sessions.push(...sessions);
    for (const { key, text } of sessions) room -= key.length + text.length + 100;
  }
  return found.map(({ slots, sessions }) => ({ ...whole, slots, sessions }));
}

/** What an instance goes by that has no others. */
function tableOfOne(self: { readonly id: string; readonly incarnation: string }): ToldTable {
  const ones = new Uint32Array(SLOTS).fill(1);
  return {
    service: self.id,
    epoch: 1,
    members: [{ ...self, url: '', http: '' }],
    gone: new Set(),
    owners: new Uint16Array(SLOTS),
    seconds: new Uint16Array(SLOTS).fill(NOBODY),
    terms: ones,
    ownerSince: ones,
    secondSince: new Uint32Array(SLOTS),
  };
}
