/**
 * Who has the copy of whose slots. The slots of each owner have their second owners on other nodes than its own, where
 * there are any, so that a node that is lost takes no session with it; among those they are spread evenly, so that
 * whoever dies, nobody takes over more of its slots than another does.
 */
import { NOBODY, SLOTS } from '../owner-table.ts';
import type { Draft } from './copied-table.ts';

/**
 * The best second owner for every slot as an index into the draft's members, `NOBODY` where there is none. From the
 * present ones as few move as can be, within each owner's slots.
 * @param candidates who may be a second owner, as indexes in the order of their ids
 * @param nodes by index into the draft's members, where each runs; undefined where that makes no difference
 */
export function bestSeconds(
  { owners, seconds, members }: Draft,
  candidates: readonly number[],
  nodes: readonly (string | undefined)[],
): Uint16Array {
  const best = new Uint16Array(SLOTS).fill(NOBODY);
  const slotsOf = members.map((): number[] => []);
  for (let slot = 0; slot < SLOTS; slot += 1) slotsOf[owners[slot] ?? NOBODY]?.push(slot);
  const owning = [...slotsOf.keys()]
    .filter((owner) => slotsOf[owner]?.length !== 0)
    .toSorted((a, b) => ((members[a]?.id ?? '') < (members[b]?.id ?? '') ? -1 : 1));
  owning.forEach((owner, turn) => {
    const others = apartFrom(owner, candidates, nodes);
    if (others.length === 0) return;
    // Whose share is rounded up differs from owner to owner, so that in the sum nobody has more than others.
    const first = turn % others.length;
    const takers = [...others.slice(first), ...others.slice(0, first)];
    spread(slotsOf[owner] ?? [], takers, { seconds, best });
  });
  return best;
}

/** Those on other nodes; where there are none, whoever else there is. */
function apartFrom(
  owner: number,
  candidates: readonly number[],
  nodes: readonly (string | undefined)[],
): readonly number[] {
  const others = candidates.filter((index) => index !== owner);
  const apart = others.filter((index) => nodes[index] !== nodes[owner]);
  return apart.length > 0 ? apart : others;
}

/** Shares slots out so that takers differ by one at most; who has a slot keeps it, up to the share. */
function spread(
  slots: readonly number[],
  takers: readonly number[],
  { seconds, best }: { readonly seconds: Uint16Array; readonly best: Uint16Array },
): void {
  const room = roomOf(slots, takers, seconds);
  const left: number[] = [];
  for (const slot of slots) {
    const present = seconds[slot] ?? NOBODY;
    if ((room[present] ?? 0) > 0) take(slot, present);
    else left.push(slot);
  }
  let next = 0;
  for (const slot of left) {
    while (room[takers[next] ?? NOBODY] === 0) next += 1;
    take(slot, takers[next] ?? NOBODY);
  }

  function take(slot: number, taker: number): void {
    best[slot] = taker;
    room[taker] = (room[taker] ?? 0) - 1;
  }
}

/**
 * By place, how many of the slots each taker should have, 0 for others; whoever has most gets one more where they can't
 * have the same.
 */
function roomOf(slots: readonly number[], takers: readonly number[], seconds: Uint16Array): Uint32Array {
  const held = new Uint32Array(NOBODY + 1);
  for (const slot of slots) {
    const present = seconds[slot] ?? NOBODY;
    held[present] = (held[present] ?? 0) + 1;
  }
  const share = Math.floor(slots.length / takers.length);
  const spare = slots.length % takers.length;
  const room = new Uint32Array(NOBODY + 1);
  takers
    .toSorted((a, b) => (held[b] ?? 0) - (held[a] ?? 0))
    .forEach((taker, rank) => (room[taker] = share + (rank < spare ? 1 : 0)));
  return room;
}
