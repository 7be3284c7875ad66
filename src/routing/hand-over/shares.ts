/**
 * How many slots each instance should own, and which slots go from whom to whom for that: as `steady` has it, each
 * has its exact share in the end, rounded up or down, and no slot moves that need not. All by places in a draft.
 */
import { NOBODY, SLOTS } from '../owner-table.ts';
import { dealOut, shortestStretches } from '../tables/stretches.ts';
import type { Draft } from './copied-table.ts';

/** By place, how many slots it should own; 0 for whoever is not among those able. */
export function evenShares({ owners, members }: Draft, able: readonly number[]): Uint32Array {
  const counts = countsOf(owners, members.length);
  const shares = new Uint32Array(members.length);
  const spare = SLOTS % able.length;
  // Whoever has most keeps one more, so that nothing moves for the rounding.
  able
    .toSorted((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0))
    .forEach((place, rank) => (shares[place] = Math.floor(SLOTS / able.length) + (rank < spare ? 1 : 0)));
  return shares;
}

/** Deals slots that nobody owns out to those who own least. */
export function fill(owners: Uint16Array, able: readonly number[], empty: readonly number[]): void {
  if (able.length === 0) return;
  const places = Math.max(...able) + 1;
  const counts = countsOf(owners, places);
  const room = new Uint32Array(places);
  let level = Math.min(...able.map((place) => counts[place] ?? 0));
  for (let left = empty.length; left > 0; level += 1) {
    for (const place of able.filter((each) => (counts[each] ?? 0) <= level).slice(0, left)) {
      counts[place] = level + 1;
      room[place] = (room[place] ?? 0) + 1;
      left -= 1;
    }
  }
  dealOut(owners, empty, room);
}

export interface Choice {
  /** Places of those that can be asked to give. */
  readonly givers: readonly number[];
  readonly isLeaving: (place: number) => boolean;
  readonly limit: number;
  readonly postponed: ReadonlySet<number>;
}

export interface Move {
  readonly from: number;
  readonly to: number;
  /** At least one; ascending. */
  readonly slots: readonly number[];
}

/** The next move: from those that leave first, then from whoever has most too much; to whoever lacks most. */
export function chooseMove(draft: Draft, shares: Uint32Array, choice: Choice): Move | undefined {
  const counts = countsOf(draft.owners, draft.members.length);
  const surplus = (place: number): number => (counts[place] ?? 0) - (shares[place] ?? 0);
  const taker = [...shares.keys()].reduce((a, b) => (surplus(b) < surplus(a) ? b : a), 0);
  const room = -surplus(taker);
  if (room <= 0) return undefined;
  const { givers, isLeaving, limit, postponed } = choice;
  const ordered = givers
    .filter((place) => surplus(place) > 0)
    .toSorted((a, b) => Number(isLeaving(b)) - Number(isLeaving(a)) || surplus(b) - surplus(a));
  for (const from of ordered) {
    const slots = slotsToMove(draft, { from, to: taker, postponed }, Math.min(room, surplus(from), limit));
    if (slots.length > 0) return { from, to: taker, slots };
  }
  return undefined;
}

/** Those first of which the taker has no copy: their second owner stays. */
function slotsToMove(
  { owners, seconds }: Draft,
  { from, to, postponed }: { from: number; to: number; postponed: ReadonlySet<number> },
  count: number,
): number[] {
  const better: number[] = [];
  const worse: number[] = [];
  for (let slot = 0; slot < owners.length; slot += 1) {
    if (owners[slot] !== from || postponed.has(slot)) continue;
    (seconds[slot] === to ? worse : better).push(slot);
  }
  const chosen = [...shortestStretches(better, count), ...shortestStretches(worse, count - better.length)];
  return chosen.toSorted((a, b) => a - b);
}

function countsOf(owners: Uint16Array, places: number): Uint32Array {
  const counts = new Uint32Array(places);
  for (let slot = 0; slot < owners.length; slot += 1) {
    const owner = owners[slot] ?? NOBODY;
    if (owner !== NOBODY) counts[owner] = (counts[owner] ?? 0) + 1;
  }
  return counts;
}
