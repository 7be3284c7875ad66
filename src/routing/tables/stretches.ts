/**
 * Slots are given away and dealt out in stretches, slots that follow each other. A router names the owner of
 * a stretch by a few prefixes, so that its maps stay small and fit the processor's caches, by which a lookup costs half of
 * what it costs in a map of all slots. Users notice nothing: a hash says to which slot they belong.
 */
import { NOBODY } from '../owner-table.ts';

/**
 * So many of these slots (ascending): the shortest stretches, so that few are left, and of the last of them its end.
 * All, if there are no more.
 */
export function shortestStretches(slots: readonly number[], count: number): number[] {
  if (count >= slots.length) return [...slots];
  const taken: number[] = [];
  for (const { from, to } of stretchesOf(slots).toSorted((a, b) => a.to - a.from - (b.to - b.from))) {
    const rest = count - taken.length;
    if (rest <= 0) break;
    for (let slot = Math.max(from, to - rest); slot < to; slot += 1) taken.push(slot);
  }
  return taken;
}

/** From one slot up to another, which is not part of it. */
interface Stretch {
  readonly from: number;
  to: number;
}

function stretchesOf(slots: readonly number[]): Stretch[] {
  const found: Stretch[] = [];
  for (const slot of slots) {
    const last = found.at(-1);
    if (last?.to === slot) last.to += 1;
    else found.push({ from: slot, to: slot + 1 });
  }
  return found;
}

/**
 * Gives `free` slots (ascending) to owners that have room left: to the owner of the slot before, else to the first that
 * has any.
 * @param room by owner how many slots it may be given; is used up
 */
export function dealOut(slots: Uint16Array, free: readonly number[], room: Uint32Array): void {
  let next = 0;
  for (const slot of free) {
    while (room[next] === 0) next += 1;
    const neighbour = slots[slot - 1] ?? NOBODY;
    const owner = (room[neighbour] ?? 0) > 0 ? neighbour : next;
    if (owner >= room.length) return;
    slots[slot] = owner;
    room[owner] = (room[owner] ?? 0) - 1;
  }
}
