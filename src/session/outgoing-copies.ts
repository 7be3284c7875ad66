/**
 * The owner's side of the crash replica: what each second owner still has to get, and until when its answers give the
 * right to answer. There is one copy at a time under way to a second owner; what gathers meanwhile goes with the next.
 * An answer counts for a slot only if nothing has happened to the slot's term since the copy was made.
 */
import { carried, unsend, type Hold } from './hold.ts';
import type { Copy, CopyAnswer, CopyEntry } from './carried.ts';
import { HEARTBEAT_MS, RETRY_MS, RIGHT_MS } from './timing.ts';

/** Sessions are taken into a copy until it has about so many characters. */
const COPY_CHARACTERS = 2 * 1024 * 1024;
/** A use is told to the second owner when the one that it knows is older than this share of the idle time. */
export const USE_SHARE = 1 / 8;

/** A slot's part of a copy that is under way. */
interface Part {
  readonly hold: Hold;
  readonly stint: number;
  readonly term: number;
  readonly whole: boolean;
  readonly keys: readonly string[];
}

interface Peer {
  readonly due: Set<number>;
  underWay:
    { readonly sequence: number; readonly sentAt: number; readonly parts: readonly Part[] } | undefined;
  lastSentAt: number;
  /** After a failure. */
  notBefore: number;
  /** The right that the last answer gave: for terms up to this epoch, until then. */
  right: { readonly epoch: number; readonly until: number };
}

/** What came of an answer. */
export interface CopyOutcome {
  readonly settled: readonly number[];
  /** The other knows an older table, or a newer one. */
  readonly gap: 'behind' | 'ahead' | undefined;
}

export class OutgoingCopies {
  readonly #self: string;
  readonly #hold: (slot: number) => Hold | undefined;
  readonly #peers = new Map<string, Peer>();
  #sequence = 0;

  constructor(self: string, hold: (slot: number) => Hold | undefined) {
    this.#self = self;
    this.#hold = hold;
  }

  /** Second owners (their incarnations) that get copies. */
  peers(): string[] {
    return [...this.#peers.keys()];
  }

  /** From now on these are the second owners; the others are forgotten. */
  keep(seconds: ReadonlySet<string>): void {
    for (const peer of this.#peers.keys()) if (!seconds.has(peer)) this.#peers.delete(peer);
    for (const second of seconds) {
      if (this.#peers.has(second)) continue;
      const right = { epoch: 0, until: 0 };
      this.#peers.set(second, {
        due: new Set(),
        underWay: undefined,
        lastSentAt: -Infinity,
        notBefore: -Infinity,
        right,
      });
    }
  }

  /** Whether the owner of a slot may answer its requests. */
  hasRight(hold: Hold, now: number): boolean {
    if (hold.second === undefined) return true;
    const right = this.#peers.get(hold.second.incarnation)?.right;
    return right !== undefined && right.epoch >= hold.term && now < right.until;
  }

  /** There is something of this slot to copy. */
  due(hold: Hold): void {
    if (hold.second !== undefined) this.#peers.get(hold.second.incarnation)?.due.add(hold.slot);
  }

  /** ms of the clock at which `next` has something for this second owner; infinite while a copy is under way. */
  nextAt(to: string, now: number): number {
    const peer = this.#peers.get(to);
    if (peer === undefined || peer.underWay !== undefined) return Infinity;
    return Math.max(peer.notBefore, peer.due.size > 0 ? now : peer.lastSentAt + HEARTBEAT_MS);
  }

  /** The copy that is to be sent now, if one is. */
  next(to: string, epoch: number, now: number): Copy | undefined {
    const peer = this.#peers.get(to);
    if (peer === undefined || this.nextAt(to, now) > now) return undefined;
    const parts: Part[] = [];
    let characters = 0;
    for (const slot of peer.due) {
      if (characters > COPY_CHARACTERS) break;
      peer.due.delete(slot);
      const hold = this.#hold(slot);
      if (hold?.role !== 'owner' || hold.second?.incarnation !== to) continue;
      const part = takePart(hold);
      parts.push(part);
      characters += size(part);
    }
    this.#sequence += 1;
    const sequence = this.#sequence;
    peer.underWay = { sequence, sentAt: now, parts };
    peer.lastSentAt = now;
    return { from: this.#self, sequence, epoch, entries: entriesOf(parts, now) };
  }

  /** This second owner has just been told the table: what it refused for want of that may go again at once. */
  caughtUp(to: string): void {
    const peer = this.#peers.get(to);
    if (peer !== undefined) peer.notBefore = -Infinity;
  }

  /** Takes the answer to a copy; undefined: there was none. */
  answered(from: string, sequence: number, known: Known): CopyOutcome {
    const peer = this.#peers.get(from);
    const underWay = peer?.underWay;
    if (peer === undefined || underWay?.sequence !== sequence) return { settled: [], gap: undefined };
    peer.underWay = undefined;
    const { answer, epoch, now } = known;
    if (answer === undefined) {
      peer.notBefore = now + RETRY_MS;
      for (const part of underWay.parts) this.#again(part);
      return { settled: [], gap: undefined };
    }
    // One that knows a newer table may have promised for other slots than this owner believes.
    if (answer.epoch <= epoch) peer.right = { epoch: answer.epoch, until: underWay.sentAt + RIGHT_MS };
    if (answer.refused.size > 0) peer.notBefore = now + RETRY_MS;
    const settled = underWay.parts.flatMap((part) => this.#settle(part, answer));
    return { settled, gap: gapBetween(epoch, answer.epoch) };
  }

  #settle(part: Part, { refused }: CopyAnswer): number[] {
    const { hold } = part;
    const known = refused.get(hold.slot);
    if (known !== undefined) {
      if (known === part.term && isAsSent(part)) hold.isCopied = false;
      this.#again(part);
      return [];
    }
    if (!isAsSent(part)) return [];
    if (part.whole) {
      hold.isCopied = true;
      hold.isProven = true;
    }
    const tickets = part.keys.flatMap((key) => settleKey(hold, key));
    if (hold.pending !== undefined) this.due(hold);
    return tickets;
  }

  #again(part: Part): void {
    if (!isAsSent(part)) return;
    for (const key of part.keys) {
      const pending = part.hold.pending?.get(key);
      if (pending !== undefined) unsend(pending);
    }
    this.due(part.hold);
  }
}

/** What is known when an answer comes: the owner's own epoch, and the time. */
export interface Known {
  readonly answer: CopyAnswer | undefined;
  readonly epoch: number;
  readonly now: number;
}

function gapBetween(own: number, theirs: number): CopyOutcome['gap'] {
  if (theirs === own) return undefined;
  return theirs < own ? 'behind' : 'ahead';
}

function isAsSent({ hold, stint, term }: Part): boolean {
  return hold.role === 'owner' && hold.stint === stint && hold.term === term;
}

function takePart(hold: Hold): Part {
  const keys: string[] = [];
  for (const [key, pending] of hold.pending ?? []) {
    if (!pending.isDirty) continue;
    pending.isDirty = false;
    pending.sent.push(...pending.tickets);
    pending.tickets = [];
    keys.push(key);
  }
  return { hold, stint: hold.stint, term: hold.term, whole: !hold.isCopied, keys };
}

function settleKey(hold: Hold, key: string): number[] {
  const pending = hold.pending?.get(key);
  if (pending === undefined) return [];
  const { sent } = pending;
  pending.sent = [];
  if (!pending.isDirty && pending.tickets.length === 0) hold.pending?.delete(key);
  if (hold.pending?.size === 0) hold.pending = undefined;
  return sent;
}

function size({ hold, whole, keys }: Part): number {
  const copied = whole ? [...(hold.sessions?.keys() ?? [])] : keys;
  return copied.reduce((sum, key) => sum + key.length + (hold.sessions?.get(key)?.text.length ?? 0) + 100, 0);
}

/** Slots that are sent whole come first, by term. */
function entriesOf(parts: readonly Part[], now: number): CopyEntry[] {
  const entries: CopyEntry[] = [];
  const wholes = Map.groupBy(
    parts.filter(({ whole }) => whole),
    ({ term }) => term,
  );
  for (const [term, group] of wholes) {
    const slots = group.map(({ hold }) => hold.slot);
    entries.push({ type: 'whole', term, slots });
    for (const { hold } of group) {
      for (const key of hold.sessions?.keys() ?? []) entries.push(entryOf(hold, key, now));
    }
    entries.push({ type: 'complete', term, slots });
  }
  for (const { hold, whole, keys } of parts) {
    if (!whole) for (const key of keys) entries.push(entryOf(hold, key, now));
  }
  return entries;
}

function entryOf(hold: Hold, key: string, now: number): CopyEntry {
  const { slot, term } = hold;
  const session = hold.sessions?.get(key);
  if (session === undefined) return { type: 'deleted', term, slot, key };
  session.told = session.used;
  return { type: 'session', term, session: carried(slot, [key, session], now) };
}

/** Notes that a session was used; a second owner need not know each time. */
export function isUseToTell(session: { readonly told: number }, idleMs: number, now: number): boolean {
  return now - session.told > idleMs * USE_SHARE;
}
