/**
 * Why a user is where they are: the owner by the table, and the pin that wins over it while the
 * session that it stands for is in use.
 */
import { ownerOfSlot, slotOf } from './owner-table.ts';
import type { OwnerTable } from './owner-table.ts';

export interface Explanation {
  readonly key: string;
  readonly slot: number;
  /** Epoch of the table that this is about. */
  readonly epoch: number;
  /** Instance that the table names; undefined when nobody owns the slot. */
  readonly owner: string | undefined;
  /** Instance that gets the user's next request; undefined means 503. */
  readonly servedBy: string | undefined;
  readonly pinned: boolean;
  /** One sentence for people. */
  readonly reason: string;
}

/** `pin` is the instance that the router has the user's session at, if any. */
export function explainKey(table: OwnerTable, key: string, pin?: string): Explanation {
  const slot = slotOf(key);
  const owner = ownerOfSlot(table, slot);
  const { epoch } = table;
  return {
    key,
    slot,
    epoch,
    owner,
    servedBy: pin ?? owner,
    pinned: pin !== undefined,
    reason: reasonOf(table, slot, pin),
  };
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
