/**
 * A new instance is filled by steps: it begins with a tenth of its share of the slots, and has all of it when it has been
 * ready for the time that it needs. Pure; how far it has come is read from the table in force, so that nobody who has
 * been given slots loses them because it was not ready for a moment.
 *
 * What always holds: while the same instances are there, no share of a new one shrinks and no slot moves that need not.
 */
import { slotCounts, type OwnerTable } from './owner-table.ts';
import type { Member } from './tables/member.ts';

/** The weight of who has its full share. */
export const WARM = 10;

/** An instance that may own slots. */
export interface Candidate {
  readonly id: string;
  /** How long it has been ready, in ms; undefined while it is not. */
  readonly readyFor: number | undefined;
  /** How long it has been running, in ms. */
  readonly runsFor: number;
}

/**
 * The members of the next table, by the weights that they are to have now: 10 for who is warm. Whoever has as much as
 * anybody in the table in force is, and so are all where none of them has a slot. Who came first can't be warmer than
 * it has run for: all others are measured by it.
 * @param warmupMs how long a new instance takes; 0: all are warm
 */
export function warmingMembers(
  table: OwnerTable | undefined,
  candidates: readonly Candidate[],
  warmupMs: number,
): Member[] {
  const slots = slotsById(table);
  const fullest = Math.max(0, ...candidates.map(({ id }) => slots.get(id) ?? 0));
  if (fullest === 0 || warmupMs === 0) return candidates.map(({ id }) => ({ id, weight: WARM }));
  const stepAfter = (time: number): number =>
    Math.min(WARM, 1 + Math.floor(((WARM - 1) * Math.max(0, time)) / warmupMs));
  const warmest = stepAfter(Math.max(...candidates.map(({ runsFor }) => runsFor)));
  return candidates.map(({ id, readyFor = 0 }) => {
    const present = Math.round((WARM * (slots.get(id) ?? 0)) / fullest);
    const due = Math.floor((WARM * stepAfter(readyFor)) / warmest);
    return { id, weight: Math.min(WARM, Math.max(present, due)) };
  });
}

function slotsById(table: OwnerTable | undefined): Map<string, number> {
  if (table === undefined) return new Map();
  const counts = slotCounts(table);
  return new Map(table.owners.map((owner, index) => [owner, counts[index] ?? 0]));
}
