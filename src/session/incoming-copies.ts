/**
 * The second owner's side of the crash replica. It keeps an entry only if its table names the sender as the slot's owner
 * under the entry's very term, and a copy only if it is newer than any of the same sender: what comes late changes
 * nothing. With every answer it promises the sender not to take over for a while.
 */
import { arrived, type Hold, type Sessions } from './hold.ts';
import type { Copy, CopyAnswer, CopyEntry } from './carried.ts';
import { PROMISE_MS } from './timing.ts';

export class IncomingCopies {
  readonly #hold: (slot: number) => Hold | undefined;
  readonly #term: (slot: number) => number;
  /** By owner: the last copy. */
  readonly #sequences = new Map<string, number>();
  /** By owner: ms of the clock until which this instance does not take over. */
  readonly #promises = new Map<string, number>();

  /** @param term the term of a slot in the newest table that is known */
  constructor(hold: (slot: number) => Hold | undefined, term: (slot: number) => number) {
    this.#hold = hold;
    this.#term = term;
  }

  /** Until when this instance may not serve what `owner` owned; ms of the clock. */
  promisedUntil(owner: string): number {
    return this.#promises.get(owner) ?? -Infinity;
  }

  /** Those that no table names any more have no term under which they could be heard. */
  forgetAllBut(members: ReadonlySet<string>): void {
    for (const from of this.#sequences.keys()) if (!members.has(from)) this.#sequences.delete(from);
    for (const owner of this.#promises.keys()) if (!members.has(owner)) this.#promises.delete(owner);
  }

  /** Keeps what may be kept; undefined when a newer copy of the same owner was here before. */
  take(copy: Copy, epoch: number, now: number): CopyAnswer | undefined {
    if (copy.sequence <= (this.#sequences.get(copy.from) ?? 0)) return undefined;
    this.#sequences.set(copy.from, copy.sequence);
    const refused = new Map<number, number>();
    for (const entry of copy.entries) {
      for (const slot of slotsOf(entry)) {
        if (!this.#keep(copy.from, slot, { entry, now })) refused.set(slot, this.#term(slot));
      }
    }
    this.#promises.set(copy.from, now + PROMISE_MS);
    return { epoch, refused };
  }

  #keep(from: string, slot: number, { entry, now }: { entry: CopyEntry; now: number }): boolean {
    const hold = this.#hold(slot);
    if (hold?.role !== 'second' || hold.owner.incarnation !== from || hold.term !== entry.term) return false;
    switch (entry.type) {
      case 'whole':
        hold.staging = new Map();
        return true;
      case 'complete':
        return complete(hold);
      case 'session':
        return change(hold, (sessions) => sessions.set(entry.session.key, arrived(entry.session, now)));
      case 'deleted':
        return change(hold, (sessions) => sessions.delete(entry.key));
    }
  }
}

/** The old sessions are kept until the whole has come: until then no write was acknowledged that they lack. */
function complete(hold: Hold): boolean {
  if (hold.staging === undefined) return false;
  hold.sessions = hold.staging;
  hold.staging = undefined;
  hold.isCopied = true;
  hold.isCurrent = true;
  return true;
}

function change(hold: Hold, apply: (sessions: Sessions) => void): boolean {
  if (hold.staging === undefined && !hold.isCopied) return false;
  apply(hold.staging ?? (hold.sessions ??= new Map()));
  return true;
}

function slotsOf(entry: CopyEntry): readonly number[] {
  if (entry.type === 'session') return [entry.session.slot];
  return entry.type === 'deleted' ? [entry.slot] : entry.slots;
}
