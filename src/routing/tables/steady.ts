/**
 * The `steady` table: it starts from the table in force and moves as little as possible. Afterwards each
 * member has its exact share of the slots, rounded up or down, and no way to such shares moves fewer slots.
 *
 * The method is how Redis Cluster and Couchbase rebalance slots, made automatic: slots without a usable
 * owner and what members have above their share go to those below it. Which shares are rounded up is
 * free, so those members' are that have the most to lose by rounding down, which makes the moves minimal;
 * beyond that the largest remainders are, as in Hamilton's method of apportionment.
 */
import { NOBODY, SLOTS, type OwnerTable } from '../owner-table.ts';
import { following, inOrder, type Member } from './member.ts';
import { dealOut, shortestStretches } from './stretches.ts';

/** A `MakeTable`: the only one to which `previous` matters. */
export function steadyTable(
  previous: OwnerTable | undefined,
  service: string,
  members: readonly Member[],
): OwnerTable {
  const ordered = inOrder(members);
  const owners = ordered.map(({ id }) => id);
  const slots = keptSlots(previous, owners);
  const counts = countsOf(slots, owners.length);
  const shares = sharesOf(ordered, counts);
  release(slots, counts, shares);
  handOut(slots, shares);
  return following(previous, service, owners, slots);
}

/** The slots in force, as indexes into the new owners; nobody where the owner is no member. */
function keptSlots(previous: OwnerTable | undefined, owners: readonly string[]): Uint16Array {
  const slots = new Uint16Array(SLOTS).fill(NOBODY);
  if (previous === undefined) return slots;
  const place = new Map(owners.map((owner, index) => [owner, index]));
  const translated = new Uint16Array(NOBODY + 1).fill(NOBODY);
  previous.owners.forEach((owner, index) => (translated[index] = place.get(owner) ?? NOBODY));
  for (let slot = 0; slot < SLOTS; slot += 1)
    slots[slot] = translated[previous.slots[slot] ?? NOBODY] ?? NOBODY;
  return slots;
}

function countsOf(slots: Uint16Array, owners: number): Uint32Array {
  const counts = new Uint32Array(owners);
  for (const owner of slots) if (owner !== NOBODY) counts[owner] = (counts[owner] ?? 0) + 1;
  return counts;
}

/** How many slots each member is to have, in whole numbers that add up to all of them. */
function sharesOf(members: readonly Member[], counts: Uint32Array): Uint32Array {
  const sum = members.reduce((total, { weight }) => total + weight, 0);
  const shares = Uint32Array.from(members, ({ weight }) => Math.floor((SLOTS * weight) / sum));
  const rest = shares.reduce((left, share) => left - share, SLOTS);
  const roundedUp = members
    .map(({ weight }, index) => {
      const keepsOneMore = (counts[index] ?? 0) > (shares[index] ?? 0);
      return { index, keepsOneMore, remainder: (SLOTS * weight) % sum };
    })
    .filter(({ remainder }) => remainder > 0)
    .toSorted(
      (a, b) =>
        Number(b.keepsOneMore) - Number(a.keepsOneMore) || b.remainder - a.remainder || a.index - b.index,
    )
    .slice(0, rest);
  for (const { index } of roundedUp) shares[index] = (shares[index] ?? 0) + 1;
  return shares;
}

/** Frees what members have above their shares. */
function release(slots: Uint16Array, counts: Uint32Array, shares: Uint32Array): void {
  const surplus = Array.from(counts, (count, owner) => count - (shares[owner] ?? 0));
  const held = surplus.map((): number[] => []);
  slots.forEach((owner, slot) => {
    if ((surplus[owner] ?? 0) > 0) held[owner]?.push(slot);
  });
  surplus.forEach((count, owner) => {
    for (const slot of shortestStretches(held[owner] ?? [], count)) slots[slot] = NOBODY;
  });
}

/** Deals the free slots out to members that have room left. */
function handOut(slots: Uint16Array, shares: Uint32Array): void {
  const held = countsOf(slots, shares.length);
  const free = [...slots.keys()].filter((slot) => slots[slot] === NOBODY);
  dealOut(
    slots,
    free,
    shares.map((share, owner) => share - (held[owner] ?? 0)),
  );
}
