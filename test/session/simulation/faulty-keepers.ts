/** Keepers that break one rule each. The checks of a history must find each of them out. */
import type { Copy, CopyAnswer, Import } from '../../../src/session/carried.ts';
import {
  Keeper,
  type KeeperOptions,
  type News,
  type Run,
  type SessionWrite,
} from '../../../src/session/keeper.ts';
import type { Admission, MayAnswer } from '../../../src/session/keeper.ts';
import { seatOf, type ToldTable } from '../../../src/session/told-table.ts';

/** As second owner takes copies whatever their term and order. */
class TakesOlderTerms extends Keeper {
  #sequence = 0;

  override takeCopy(copy: Copy, now: number): CopyAnswer | undefined {
    const { table } = this;
    this.#sequence += 1;
    const entries = copy.entries.map((entry) => {
      const slot = entry.type === 'session' ? entry.session.slot : undefined;
      return slot === undefined || table === undefined ? entry : { ...entry, term: seatOf(table, slot).term };
    });
    const answer = super.takeCopy({ ...copy, entries, sequence: 1e6 + this.#sequence }, now);
    return answer === undefined ? undefined : { epoch: copy.epoch, refused: new Map() };
  }
}

/** Acknowledges what the second owner does not have yet. */
class AcknowledgesEarly extends Keeper {
  #early: number[] = [];

  override write(slot: number, key: string, change: SessionWrite): boolean {
    const waits = super.write(slot, key, change);
    if (waits) this.#early.push(change.ticket);
    return waits;
  }

  override takeNews(): News {
    const { settled, lost } = super.takeNews();
    const early = this.#early;
    this.#early = [];
    return { settled: [...early, ...settled], lost };
  }
}

/** Sends its sessions away and goes on with them. */
class DoesNotFreeze extends Keeper {
  override admit(slot: number, now: number): Admission {
    const admission = super.admit(slot, now);
    return admission.to === 'wait' && this.state().frozen.includes(slot) ? { to: 'run' } : admission;
  }

  override isReady(): boolean {
    return true;
  }

  override access(slot: number, now: number): 'open' | 'wait' | 'elsewhere' {
    const access = super.access(slot, now);
    return access === 'wait' && this.state().frozen.includes(slot) ? 'open' : access;
  }
}

/** Believes in its table for ever. */
class AnswersWithoutRight extends Keeper {
  override admit(slot: number, now: number): Admission {
    const admission = super.admit(slot, now);
    return admission.to === 'wait' && !this.state().frozen.includes(slot) && this.epoch > 0
      ? { to: 'run' }
      : admission;
  }

  override access(slot: number, now: number): 'open' | 'wait' | 'elsewhere' {
    const access = super.access(slot, now);
    return access === 'wait' && !this.state().frozen.includes(slot) && this.epoch > 0 ? 'open' : access;
  }

  override mayAnswer({ slot }: Run): MayAnswer {
    return this.table !== undefined && seatOf(this.table, slot).owner !== undefined ? 'yes' : 'no';
  }
}

/** Takes a hand-over that lasts for failed. */
class ThawsByItself extends Keeper {
  readonly #frozenAt = new Map<number, number>();

  override freeze(epoch: number, slots: readonly number[], now: number): number[] | undefined {
    for (const slot of slots) this.#frozenAt.set(slot, now);
    return super.freeze(epoch, slots, now);
  }

  override admit(slot: number, now: number): Admission {
    const admission = super.admit(slot, now);
    return admission.to === 'wait' && this.#isTired(slot, now) ? { to: 'run' } : admission;
  }

  override access(slot: number, now: number): 'open' | 'wait' | 'elsewhere' {
    const access = super.access(slot, now);
    return access === 'wait' && this.#isTired(slot, now) ? 'open' : access;
  }

  #isTired(slot: number, now: number): boolean {
    return this.state().frozen.includes(slot) && now - (this.#frozenAt.get(slot) ?? now) > 20;
  }
}

/** Takes over at once, whatever it has promised. */
class BreaksPromises extends Keeper {
  override tell(table: ToldTable, now: number): boolean {
    return super.tell({ ...table, gone: new Set(table.members.map(({ incarnation }) => incarnation)) }, now);
  }
}

/** Answers copies as if it knew no newer table than the owner. */
class HidesNewerTables extends Keeper {
  override takeCopy(copy: Copy, now: number): CopyAnswer | undefined {
    const answer = super.takeCopy(copy, now);
    return answer === undefined ? undefined : { ...answer, epoch: Math.min(answer.epoch, copy.epoch) };
  }
}

/** Says that it keeps what is handed over to it, and does not. */
class ImportsNothing extends Keeper {
  override import(sessions: Import, now: number): boolean {
    return super.import({ ...sessions, sessions: [] }, now);
  }
}

export const FAULTY: Readonly<Record<string, (options: KeeperOptions) => Keeper>> = {
  'a second owner that takes copies of older terms': (options) => new TakesOlderTerms(options),
  'an owner that acknowledges before the copy': (options) => new AcknowledgesEarly(options),
  'an owner that does not freeze what it hands over': (options) => new DoesNotFreeze(options),
  'an owner that answers without the right to': (options) => new AnswersWithoutRight(options),
  'an owner that thaws by itself': (options) => new ThawsByItself(options),
  'a second owner that breaks its promise': (options) => new BreaksPromises(options),
  'a second owner that hides that it knows a newer table': (options) => new HidesNewerTables(options),
  'an import that keeps nothing': (options) => new ImportsNothing(options),
};
