/**
 * The `maglev` table: each member has an order of preference over all slots, and in turns takes the first
 * one that is free (Eisenbud and others, "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI
 * 2016, section 3.4, pseudocode 1), with 65,537 entries as there.
 *
 * What the paper leaves open is as in Envoy (`maglev_lb.cc`), so that the same names and weights make
 * the same table: members take turns in the order of their names, offset and skip come from XXH64 of the
 * name with the seeds 0 and 1, and a member takes its turn as often as its weight is of the greatest one.
 */
import { NOBODY, SLOTS, type OwnerTable } from '../owner-table.ts';
import { following, inOrder, type Member } from './member.ts';
import { xxh64 } from './xxh64.ts';

/** Where a member's order of preference begins, how far it goes on each time, and its weight. */
export interface Preference {
  readonly offset: number;
  readonly skip: number;
  readonly weight: number;
}

/** A `MakeTable`; it is the same after any history. */
export function maglevTable(
  previous: OwnerTable | undefined,
  service: string,
  members: readonly Member[],
): OwnerTable {
  const ordered = inOrder(members);
  const slots = populate(
    ordered.map((member) => preferenceOf(member, SLOTS)),
    SLOTS,
  );
  const owners = ordered.map(({ id }) => id);
  return following(previous, service, owners, slots);
}

/** @param size how many slots there are: a prime */
export function preferenceOf({ id, weight }: Member, size: number): Preference {
  const name = Buffer.from(id, 'utf8');
  return {
    offset: Number(xxh64(name, 0n) % BigInt(size)),
    skip: Number(xxh64(name, 1n) % BigInt(size - 1)) + 1,
    weight,
  };
}

/** Per slot the index of the preference that took it; nobody without preferences. */
export function populate(preferences: readonly Preference[], size: number): Uint16Array {
  const slots = new Uint16Array(size).fill(NOBODY);
  const takers = preferences.map(({ offset, skip, weight }) => ({ place: offset, skip, weight, due: 0 }));
  const greatest = Math.max(...preferences.map(({ weight }) => weight));
  let free = size;
  for (let turn = 1; free > 0 && takers.length > 0; turn += 1) {
    for (const [index, taker] of takers.entries()) {
      if (free === 0 || turn * taker.weight < taker.due) continue;
      taker.due += greatest;
      while (slots[taker.place] !== NOBODY) taker.place = (taker.place + taker.skip) % size;
      slots[taker.place] = index;
      free -= 1;
    }
  }
  return slots;
}
