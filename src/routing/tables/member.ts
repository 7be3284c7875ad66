/**
 * What every owner table is made of: members with weights, in the order of their ids, and the rule by which
 * a table follows another one. A table is a function from the members (and, for `steady`, the table in
 * force) to 65,537 slots; the order in which members are given never matters.
 */
import { movedSlots, NOBODY, type OwnerTable } from '../owner-table.ts';

/** The greatest weight of a member. */
export const GREATEST_WEIGHT = 100;

/** An instance that may own slots. */
export interface Member {
  /** Instance id. */
  readonly id: string;
  /** A whole number from 1 to 100: its share of the slots is its part of the sum of all weights. */
  readonly weight: number;
}

/**
 * Makes the table for `members`, one epoch after `previous`; `previous` itself when nothing changes.
 * Without members every slot belongs to nobody, with members every slot to one of them.
 * @throws RangeError when there are too many members, or a weight is out of bounds
 */
export type MakeTable = (
  previous: OwnerTable | undefined,
  service: string,
  members: readonly Member[],
) => OwnerTable;

/** Members of the same weight. */
export function alike(ids: readonly string[]): Member[] {
  return ids.map((id) => ({ id, weight: 1 }));
}

/**
 * The members in the order of their ids, repeated ones left out.
 * @throws RangeError as `MakeTable` does
 */
export function inOrder(members: readonly Member[]): Member[] {
  const byId = new Map<string, Member>();
  for (const member of members) {
    const { id, weight } = member;
    if (!Number.isInteger(weight) || weight < 1 || weight > GREATEST_WEIGHT)
      throw new RangeError(
        `the weight of ${id} is ${weight}, not a whole number from 1 to ${GREATEST_WEIGHT}`,
      );
    if ((byId.get(id)?.weight ?? weight) !== weight) throw new RangeError(`${id} is given with two weights`);
    byId.set(id, member);
  }
  if (byId.size >= NOBODY) throw new RangeError(`an owner table has room for ${NOBODY - 1} instances`);
  return [...byId.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** The table with these slots that follows `previous`; `previous` itself when it says the same. */
export function following(
  previous: OwnerTable | undefined,
  service: string,
  owners: readonly string[],
  slots: Uint16Array,
): OwnerTable {
  const next: OwnerTable = { service, epoch: (previous?.epoch ?? 0) + 1, owners, slots };
  return previous !== undefined && isSame(previous, next) ? previous : next;
}

function isSame(before: OwnerTable, after: OwnerTable): boolean {
  const owners = new Set(before.owners);
  return (
    owners.size === after.owners.length &&
    after.owners.every((owner) => owners.has(owner)) &&
    movedSlots(before, after) === 0
  );
}
