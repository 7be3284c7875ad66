/**
 * Slots on their way: frozen and sent at the old owner, imported at the other. Whether they have moved is said by a table
 * only; until one comes of the epoch that the hand-over was for, or a later one, everything stays as it is.
 */
import type { CarriedSession, Import } from './carried.ts';
import type { Imported } from './follow.ts';
import { arrived, carried, isQuiet, type Hold, type Session, type Sessions } from './hold.ts';
import { memberSince, type Seat } from './told-table.ts';

/** Who is to have a slot (its incarnation), and as what. */
export interface Recipient {
  readonly to: string;
  readonly as: 'owner' | 'second';
}

export class HandOvers {
  readonly #self: string;
  readonly #owned: (slot: number) => Hold | undefined;
  readonly #frozen = new Set<number>();
  readonly #imports = new Map<number, Imported>();

  /** @param owned the hold on a slot that this instance owns */
  constructor(self: string, owned: (slot: number) => Hold | undefined) {
    this.#self = self;
    this.#owned = owned;
  }

  /** Freezes those of these slots that this instance owns and may serve; gives them. */
  freeze(epoch: number, slots: readonly number[], now: number): number[] {
    return slots.filter((slot) => {
      const hold = this.#owned(slot);
      if (hold === undefined || now < hold.servesFrom) return false;
      hold.frozenFor = Math.max(hold.frozenFor, epoch);
      this.#frozen.add(slot);
      return true;
    });
  }

  isReady(slot: number, { to, as }: Recipient): boolean {
    const hold = this.#owned(slot);
    if (hold === undefined) return false;
    const isSecond = hold.second?.incarnation === to;
    if (as === 'second') return !isSecond;
    // It may miss the very table of the import, and then has to have everything by itself.
    return isQuiet(hold) && (!isSecond || hold.isCopied);
  }

  leaveOut(epoch: number, slots: readonly number[]): void {
    for (const slot of slots) {
      const hold = this.#owned(slot);
      if (hold?.exported !== undefined || hold?.frozenFor !== epoch) continue;
      hold.frozenFor = 0;
      this.#frozen.delete(slot);
    }
  }

  /** @param slots ready ones; those that are not frozen for this epoch are left out */
  export(epoch: number, slots: readonly number[], { to, now }: { to: string; now: number }): Import {
    const given: number[] = [];
    const sessions: CarriedSession[] = [];
    for (const slot of slots) {
      const hold = this.#owned(slot);
      if (hold?.frozenFor !== epoch) continue;
      given.push(slot);
      hold.exported = { epoch, to };
      for (const entry of hold.sessions ?? []) sessions.push(carried(slot, entry, now));
    }
    return { epoch, from: this.#self, slots: given, sessions };
  }

  import({ epoch, slots, sessions }: Import, now: number): void {
    const bySlot = new Map<number, Sessions>();
    for (const session of sessions) {
      const found = bySlot.get(session.slot) ?? new Map<string, Session>();
      bySlot.set(session.slot, found.set(session.key, arrived(session, now)));
    }
    for (const slot of slots) {
      if ((this.#imports.get(slot)?.epoch ?? 0) > epoch) continue;
      this.#imports.set(slot, { epoch, sessions: bySlot.get(slot) });
    }
  }

  /** The table under which the import was made may have been missed; since when this instance is a member tells of it. */
  importedFor(slot: number, seat: Seat): Imported | undefined {
    const imported = this.#imports.get(slot);
    if (imported === undefined) return undefined;
    const counts = imported.epoch === seat.term || imported.epoch === memberSince(seat, this.#self);
    return counts ? imported : undefined;
  }

  /** A table has come: what was to be decided by it or an earlier one is. */
  decided(epoch: number): void {
    for (const slot of this.#frozen) this.#thaw(slot, epoch);
    for (const [slot, imported] of this.#imports) if (imported.epoch <= epoch) this.#imports.delete(slot);
  }

  #thaw(slot: number, epoch: number): void {
    const hold = this.#owned(slot);
    if (hold !== undefined && hold.frozenFor > epoch) return;
    this.#frozen.delete(slot);
    if (hold === undefined) return;
    hold.frozenFor = 0;
    hold.exported = undefined;
  }
}
