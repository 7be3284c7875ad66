/**
 * The `steady` table: it starts from the table in force and moves as little as possible. Afterwards
 * the members' shares differ by one slot at most, and no way to that balance moves fewer slots.
 * Deterministic: the order in which members are given does not matter.
 *
 * The method is how Redis Cluster and Couchbase rebalance slots, made automatic: slots without a usable
 * owner and what the fullest have above their share go to those below it. The larger shares (65,537
 * rarely divides evenly) go to the members that already have the most, which makes the moves minimal.
 */
import { movedSlots, NOBODY, SLOTS } from './owner-table.ts';
import type { OwnerTable } from './owner-table.ts';

/**
 * The table for `members` (instance ids), one epoch after `previous`; `previous` itself when nothing
 * changes. Without members every slot belongs to nobody.
 */
export function steadyTable(
  previous: OwnerTable | undefined,
  service: string,
  members: readonly string[],
): OwnerTable {
  const owners = [...new Set(members)].toSorted();
  if (owners.length >= NOBODY) throw new RangeError(`an owner table has room for ${NOBODY - 1} instances`);
  const slots = keptSlots(previous, owners);
  const held = slotsByOwner(slots, owners.length);
  const shares = sharesOf(held.map((list) => list.length));
  const free = [...unowned(slots), ...surplus(held, shares)].toSorted((a, b) => a - b);
  const room = shares.map((share, owner) => Math.max(0, share - (held[owner]?.length ?? 0)));
  handOut(slots, free, room);
  const next: OwnerTable = { service, epoch: (previous?.epoch ?? 0) + 1, owners, slots };
  return previous !== undefined && isSame(previous, next) ? previous : next;
}

/** Every owner of `after` has a slot, so equal slots and as many owners mean the same owners. */
function isSame(before: OwnerTable, after: OwnerTable): boolean {
  return before.owners.length === after.owners.length && movedSlots(before, after) === 0;
}

/** The slots in force, as indexes into the new owners; nobody where the owner is no member. */
function keptSlots(previous: OwnerTable | undefined, owners: readonly string[]): Uint16Array {
  const slots = new Uint16Array(SLOTS).fill(NOBODY);
  if (previous === undefined) return slots;
  const place = new Map(owners.map((owner, index) => [owner, index]));
  const translated = previous.owners.map((owner) => place.get(owner) ?? NOBODY);
  return slots.map((_, slot) => translated[previous.slots[slot] ?? NOBODY] ?? NOBODY);
}

function slotsByOwner(slots: Uint16Array, owners: number): number[][] {
  const held: number[][] = Array.from({ length: owners }, () => []);
  slots.forEach((owner, slot) => held[owner]?.push(slot));
  return held;
}

/** How many slots each owner is to have: as equal as possible, one more for those that have the most. */
function sharesOf(counts: readonly number[]): number[] {
  const share = Math.floor(SLOTS / counts.length);
  const larger = counts
    .map((count, owner) => ({ count, owner }))
    .toSorted((a, b) => b.count - a.count || a.owner - b.owner)
    .slice(0, SLOTS % counts.length);
  const shares = counts.map(() => share);
  for (const { owner } of larger) shares[owner] = share + 1;
  return shares;
}

function unowned(slots: Uint16Array): number[] {
  const found: number[] = [];
  slots.forEach((owner, slot) => {
    if (owner === NOBODY) found.push(slot);
  });
  return found;
}

/** What owners give up: evenly spread over their slots, so that no stretch of the table changes as one. */
function surplus(held: readonly number[][], shares: readonly number[]): number[] {
  return held.flatMap((list, owner) => {
    const given = Math.max(0, list.length - (shares[owner] ?? 0));
    return Array.from({ length: given }, (_, n) => list[Math.floor(((n + 0.5) * list.length) / given)] ?? 0);
  });
}

/** Deals the free slots out in turns, to owners that have room left. */
function handOut(slots: Uint16Array, free: readonly number[], room: number[]): void {
  let takers = room.flatMap((places, owner) => (places > 0 ? [owner] : []));
  let turn = 0;
  for (const slot of free) {
    if (turn >= takers.length) {
      takers = takers.filter((owner) => (room[owner] ?? 0) > 0);
      turn = 0;
    }
    const owner = takers[turn];
    if (owner === undefined) return;
    slots[slot] = owner;
    room[owner] = (room[owner] ?? 0) - 1;
    turn += 1;
  }
}
