/**
 * What one instance knows and decides about its slots: the whole protocol of docs/hand-over.md without network, timers
 * and clock. Every time is ms of a clock of its own that never goes back; whoever waits for something looks again
 * whenever `takeNews` says that something has changed.
 */
import type { Copy, CopyAnswer, Import } from './carried.ts';
import { follow, type ServesFrom } from './follow.ts';
import { HandOvers, type Recipient } from './hand-overs.ts';
import { isSettled, markDirty, type Hold, type Session } from './hold.ts';
import { IncomingCopies } from './incoming-copies.ts';
import { countNewer, stateOf, type KeeperState } from './keeper-state.ts';
import { isUseToTell, OutgoingCopies, type CopyOutcome } from './outgoing-copies.ts';
import { NOBODY, seatOf, type Member, type Seat, type ToldTable } from './told-table.ts';
import { PROMISE_MS } from './timing.ts';

export interface KeeperOptions {
  readonly id: string;
  /** Unique for this process. */
  readonly incarnation: string;
  /** How long an unused session lives, in ms. */
  readonly idleMs: number;
}

/** What is to be done with a request of a slot. */
export type Admission =
  { readonly to: 'run' | 'wait' | 'nobody' } | { readonly to: 'forward'; readonly owner: Member };

/** Whether an answer may go out; `wait`: not now, and perhaps later. */
export type MayAnswer = 'yes' | 'wait' | 'no';

/** A request that runs. */
export interface Run {
  readonly slot: number;
  readonly stint: number;
}

/** What has happened since it was asked last. */
export interface News {
  /** Tickets whose writes are acknowledged. */
  readonly settled: readonly number[];
  /** Tickets of writes of which nobody here will know what has become. */
  readonly lost: readonly number[];
}

export class Keeper {
  readonly #self: KeeperOptions;
  #table: ToldTable | undefined;
  readonly #holds = new Map<number, Hold>();
  readonly #handOvers: HandOvers;
  readonly #outgoing: OutgoingCopies;
  readonly #incoming: IncomingCopies;
  #settled: number[] = [];
  #lost: number[] = [];
  #stints = 0;
  #sweeping: Iterator<Hold> | undefined;

  constructor(options: KeeperOptions) {
    this.#self = options;
    const holdOf = (slot: number): Hold | undefined => this.#holds.get(slot);
    this.#handOvers = new HandOvers(options.incarnation, (slot) => this.#owned(slot));
    this.#outgoing = new OutgoingCopies(options.incarnation, holdOf);
    this.#incoming = new IncomingCopies(holdOf, (slot) => this.#table?.terms[slot] ?? 0);
  }

  /** Of the newest table that is known; 0 without one. */
  get epoch(): number {
    return this.#table?.epoch ?? 0;
  }

  get table(): ToldTable | undefined {
    return this.#table;
  }

  takeNews(): News {
    const news = { settled: this.#settled, lost: this.#lost };
    this.#settled = [];
    this.#lost = [];
    return news;
  }

  /** Takes a table; false when a newer one is known. */
  tell(table: ToldTable, now: number): boolean {
    if (table.epoch <= this.epoch) return table.epoch === this.epoch;
    const before = this.#table;
    this.#table = table;
    this.#outgoing.keep(this.#seconds(table));
    const servesFrom: ServesFrom = {
      imported: now,
      takenOver: (from) => this.#takesOverAt(from, now),
      empty: (slot) => (isUnowned(slot, before, table) ? now : now + PROMISE_MS),
    };
    for (let slot = 0; slot < table.terms.length; slot += 1) {
      if (before?.terms[slot] !== table.terms[slot]) this.#follow(slot, table, servesFrom);
    }
    this.#handOvers.decided(table.epoch);
    this.#incoming.forgetAllBut(new Set(table.members.map(({ incarnation }) => incarnation)));
    return true;
  }

  /** Who decides about a request of this slot now. */
  admit(slot: number, now: number): Admission {
    if (this.#table === undefined) return { to: 'wait' };
    const hold = this.#holds.get(slot);
    if (hold?.role !== 'owner') {
      const { owner } = seatOf(this.#table, slot);
      // An instance of the own id is an earlier life of this one.
      return owner === undefined || owner.id === this.#self.id ? { to: 'nobody' } : { to: 'forward', owner };
    }
    return { to: hold.frozenFor === 0 && this.#mayServe(hold, now) ? 'run' : 'wait' };
  }

  /** Counts a request that was admitted as one that runs. */
  begin(slot: number): Run {
    const hold = this.#owned(slot);
    if (hold === undefined) return { slot, stint: 0 };
    hold.running += 1;
    return { slot, stint: hold.stint };
  }

  end({ slot, stint }: Run): void {
    const hold = this.#owned(slot);
    if (hold?.stint === stint) hold.running -= 1;
  }

  /** Whether the answer of a request that ran may go out; `wait` while nobody has had the slot since. */
  mayAnswer({ slot, stint }: Run, now: number): MayAnswer {
    const hold = this.#owned(slot);
    if (hold?.stint !== stint) return 'no';
    return this.#mayServe(hold, now) ? 'yes' : 'wait';
  }

  /** Whether sessions of this slot may be read and written here now. */
  access(slot: number, now: number): 'open' | 'wait' | 'elsewhere' {
    if (this.#table === undefined) return 'wait';
    const hold = this.#owned(slot);
    if (hold === undefined) return 'elsewhere';
    return hold.exported === undefined && this.#mayServe(hold, now) ? 'open' : 'wait';
  }

  /** The session as it is, acknowledged or not; only after `access` has said `open`. */
  read(slot: number, key: string, now: number): Readonly<Session> | undefined {
    const hold = this.#owned(slot);
    const session = hold?.sessions?.get(key);
    if (hold === undefined || session === undefined) return undefined;
    if (now - session.used >= this.#self.idleMs) {
      this.#forget(hold, key);
      return undefined;
    }
    session.used = now;
    if (hold.second !== undefined && isUseToTell(session, this.#self.idleMs, now)) {
      session.told = now;
      this.#changed(hold, key);
    }
    return session;
  }

  /** Gives `ticket` to who waits until everything about this session is acknowledged; false when it is already. */
  await(slot: number, key: string, ticket: number): boolean {
    const hold = this.#owned(slot);
    if (hold === undefined) return false;
    if (!hold.isProven) {
      this.#changed(hold, key, ticket);
      return true;
    }
    const pending = hold.pending?.get(key);
    if (pending === undefined || isSettled(pending)) return false;
    (pending.isDirty ? pending.tickets : pending.sent).push(ticket);
    return true;
  }

  /**
   * Changes a session at once, undefined ends it; only after `access` has said `open`. False: it is acknowledged
   * already, and nobody will settle `ticket`.
   */
  write(slot: number, key: string, change: SessionWrite): boolean {
    const hold = this.#owned(slot);
    if (hold === undefined) throw new Error(`slot ${slot} is not owned`);
    const { text, formatVersion, now, ticket } = change;
    if (text === undefined) hold.sessions?.delete(key);
    else (hold.sessions ??= new Map()).set(key, { text, formatVersion, used: now, told: now });
    if (hold.second === undefined) return false;
    this.#changed(hold, key, ticket);
    return true;
  }

  /** Ends sessions that were not used for too long, in so many of the slots; the next call goes on with others. */
  sweep(slots: number, now: number): void {
    for (let n = 0; n < slots; n += 1) {
      this.#sweeping ??= this.#holds.values();
      const next = this.#sweeping.next();
      if (next.done === true) {
        this.#sweeping = undefined;
        return;
      }
      this.#endIdle(next.value, now);
    }
  }

  // Copies

  /** Incarnations of the second owners that get copies from here. */
  peers(): string[] {
    return this.#outgoing.peers();
  }

  nextCopyAt(to: string, now: number): number {
    return this.#outgoing.nextAt(to, now);
  }

  nextCopy(to: string, now: number): Copy | undefined {
    return this.#outgoing.next(to, this.epoch, now);
  }

  copyAnswered(
    from: string,
    sequence: number,
    { answer, now }: { readonly answer: CopyAnswer | undefined; readonly now: number },
  ): CopyOutcome['gap'] {
    const { settled, gap } = this.#outgoing.answered(from, sequence, { answer, epoch: this.epoch, now });
    this.#settled.push(...settled);
    return gap;
  }

  /** A second owner that knew an older table has taken the one that this instance knows. */
  caughtUp(to: string): void {
    this.#outgoing.caughtUp(to);
  }

  takeCopy(copy: Copy, now: number): CopyAnswer | undefined {
    return this.#incoming.take(copy, this.epoch, now);
  }

  // Hand-over

  /** Freezes those of these slots that may be given away under the table `epoch`; undefined if that one is no news. */
  freeze(epoch: number, slots: readonly number[], now: number): number[] | undefined {
    return epoch <= this.epoch ? undefined : this.#handOvers.freeze(epoch, slots, now);
  }

  /** Whether a frozen slot can be sent away. A new owner takes it only when nothing runs and all is acknowledged. */
  isReady(slot: number, recipient: Recipient): boolean {
    return this.#handOvers.isReady(slot, recipient);
  }

  /** Lets requests in again where nothing has been sent yet. */
  leaveOut(epoch: number, slots: readonly number[]): void {
    this.#handOvers.leaveOut(epoch, slots);
  }

  /** The sessions of those slots that are ready. From now on only a table of this epoch or a later one thaws them. */
  export(
    epoch: number,
    slots: readonly number[],
    { recipient, now }: { recipient: Recipient; now: number },
  ): Import {
    const ready = slots.filter((slot) => this.isReady(slot, recipient));
    return this.#handOvers.export(epoch, ready, { to: recipient.to, now });
  }

  /** Keeps sessions that may become this instance's; false when a table of their epoch or a later one is known. */
  import(sessions: Import, now: number): boolean {
    if (sessions.epoch <= this.epoch) return false;
    this.#handOvers.import(sessions, now);
    return true;
  }

  /** Sessions of owned slots whose format is newer than this one. */
  countNewer(formatVersion: number): number {
    return countNewer(this.#holds.values(), formatVersion);
  }

  /** Who has to acknowledge the writes of an owned slot. */
  secondOf(slot: number): Member | undefined {
    return this.#owned(slot)?.second;
  }

  /** The format of a session of an owned slot, without using it. */
  formatOf(slot: number, key: string): number | undefined {
    return this.#owned(slot)?.sessions?.get(key)?.formatVersion;
  }

  state(): KeeperState {
    return stateOf(this.epoch, this.#holds.values());
  }

  #owned(slot: number): Hold | undefined {
    const hold = this.#holds.get(slot);
    return hold?.role === 'owner' ? hold : undefined;
  }

  #mayServe(hold: Hold, now: number): boolean {
    return now >= hold.servesFrom && this.#outgoing.hasRight(hold, now);
  }

  #changed(hold: Hold, key: string, ticket?: number): void {
    markDirty(hold, key, ticket);
    this.#outgoing.due(hold);
  }

  #forget(hold: Hold, key: string): void {
    hold.sessions?.delete(key);
    if (hold.second !== undefined) this.#changed(hold, key);
  }

  /** Only the owner ends sessions, and not while somebody else may already be serving them. */
  #endIdle(hold: Hold, now: number): void {
    if (hold.role !== 'owner' || hold.frozenFor > 0 || !this.#mayServe(hold, now)) return;
    for (const [key, { used }] of hold.sessions ?? []) {
      if (now - used >= this.#self.idleMs) this.#forget(hold, key);
    }
  }

  #follow(slot: number, table: ToldTable, servesFrom: ServesFrom): void {
    const seat = seatOf(table, slot);
    const { hold, settled, lost } = follow(this.#holds.get(slot), {
      slot,
      self: this.#self.incarnation,
      seat,
      imported: this.#handOvers.importedFor(slot, seat),
      stint: (this.#stints += 1),
      servesFrom,
    });
    for (const ticket of settled) this.#settled.push(ticket);
    for (const ticket of lost) this.#lost.push(ticket);
    if (hold === undefined) {
      this.#holds.delete(slot);
      return;
    }
    this.#holds.set(slot, hold);
    if (hold.role === 'owner' && (!hold.isCopied || hold.pending !== undefined)) this.#outgoing.due(hold);
  }

  #takesOverAt({ incarnation }: Member, now: number): number {
    if (this.#table?.gone.has(incarnation) === true) return now;
    return Math.max(now, this.#incoming.promisedUntil(incarnation));
  }

  #seconds(table: ToldTable): Set<string> {
    const self = table.members.findIndex(({ incarnation }) => incarnation === this.#self.incarnation);
    const seconds = new Set<number>();
    if (self === -1) return new Set();
    for (let slot = 0; slot < table.owners.length; slot += 1) {
      if (table.owners[slot] === self) seconds.add(table.seconds[slot] ?? NOBODY);
    }
    return new Set([...seconds].flatMap((index) => table.members[index]?.incarnation ?? []));
  }
}

/** What a write does, and who waits for it. */
export interface SessionWrite {
  /** The value as JSON text; undefined ends the session. */
  readonly text: string | undefined;
  readonly formatVersion: number;
  readonly ticket: number;
  readonly now: number;
}

/** Whether it is known that nobody serves a slot any more who did before this table. */
function isUnowned(slot: number, before: ToldTable | undefined, table: ToldTable): boolean {
  if (table.epoch === 1) return true;
  if (before?.epoch !== table.epoch - 1) return false;
  const { owner }: Seat = seatOf(before, slot);
  return owner === undefined || table.gone.has(owner.incarnation);
}
