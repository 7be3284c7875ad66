/**
 * Why a user is where they are: the owner by the table, and the pin that wins over it while the
 * session that it stands for is in use.
 */
import { defined } from '../app/defined.ts';
import { UserError } from '../app/failure.ts';
import type { App } from '../app/model.ts';
import { isCopied } from './hand-over/copied-table.ts';
import { SLOTS_AT_A_TIME } from './hand-over/next-change.ts';
import { NOBODY, ownerOfSlot, slotOf } from './owner-table.ts';
import type { OwnerTable } from './owner-table.ts';
import { movesOf, type SlotMove, type TableChange } from './table-history.ts';
import { whatIf, type WhatIf } from './what-if.ts';

export interface Explanation {
  readonly key: string;
  readonly slot: number;
  /** Epoch of the table that this is about. */
  readonly epoch: number;
  /** Instance that the table names; undefined when nobody owns the slot. */
  readonly owner: string | undefined;
  /** Instance that has a copy of the session and takes over; where there are such. */
  readonly second?: string;
  /** Instance that gets the user's next request; undefined means 503. */
  readonly servedBy: string | undefined;
  readonly pinned: boolean;
  /** One sentence for people. */
  readonly reason: string;
  /** What became of the slot, the last move first, as far back as is known. */
  readonly moves: readonly SlotMove[];
  /** What would become of it, where that was asked. */
  readonly whatIf?: WhatIf;
}

/** What is known of a user besides the table. */
export interface Known {
  /** The instance that the router has the user's session at, if any. */
  readonly pin?: string | undefined;
  readonly history?: readonly TableChange[];
  /** What is asked: instances that are added (`+1`) or removed (`-login-2`). */
  readonly changes?: readonly string[];
  /** Users with a session by instance, as far as is known. */
  readonly users?: Readonly<Record<string, number>>;
  /** How many slots at a time are handed over there; as on a machine if it is not said. */
  readonly slotsAtATime?: number;
}

/**
 * The service with sessions that a question about a user is about; the only one if none is named.
 * @throws UserError when there is none of that name, or it has to be said which
 */
export function statefulServiceOf({ services }: App, wanted: string | undefined): string {
  const names = services.filter((service) => service.stateful !== undefined).map(({ name }) => name);
  const name = wanted ?? (names.length === 1 ? names[0] : undefined);
  if (name !== undefined && names.includes(name)) return name;
  throw new UserError(
    names.length === 0
      ? 'no service of this application is stateful: each instance may answer each user'
      : `say which service: --service ${names.join(' | ')}`,
  );
}

/** @throws UserError when what is asked about (`changes`) can't happen */
export function explainKey(table: OwnerTable, key: string, known: Known = {}): Explanation {
  const { pin, history = [], changes = [], users = {}, slotsAtATime = SLOTS_AT_A_TIME.machine } = known;
  const slot = slotOf(key);
  const owner = ownerOfSlot(table, slot);
  const { epoch } = table;
  return {
    key,
    slot,
    epoch,
    owner,
    ...defined({ second: secondOf(table, slot) }),
    servedBy: pin ?? owner,
    pinned: pin !== undefined,
    reason: [reasonOf(table, slot, pin), ...copyWords(table, slot)].join('; '),
    moves: movesOf(history, table, slot),
    ...(changes.length === 0 ? {} : { whatIf: whatIf(table, { changes, slot, pin, users, slotsAtATime }) }),
  };
}

function secondOf(table: OwnerTable, slot: number): string | undefined {
  return isCopied(table) ? table.owners[table.seconds[slot] ?? NOBODY] : undefined;
}

function copyWords(table: OwnerTable, slot: number): string[] {
  if (!isCopied(table) || ownerOfSlot(table, slot) === undefined) return [];
  const second = secondOf(table, slot);
  return [second === undefined ? 'nobody has a copy of the session' : `${second} has a copy and takes over`];
}

function reasonOf(table: OwnerTable, slot: number, pin: string | undefined): string {
  const owner = ownerOfSlot(table, slot);
  const byTable =
    owner === undefined
      ? `slot ${slot} belongs to nobody at epoch ${table.epoch}`
      : `slot ${slot} belongs to ${owner} at epoch ${table.epoch}`;
  if (pin === undefined) {
    return owner === undefined ? `${byTable}: requests get 503 until an instance is ready` : byTable;
  }
  if (pin === owner) return `${byTable}, and the user has a session there`;
  return `the user has a session at ${pin} and stays there until it is idle; ${byTable}`;
}
