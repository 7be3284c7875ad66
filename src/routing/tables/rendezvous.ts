/**
 * The `rendezvous` table: every member has a score for every slot, and the highest one owns it ("highest
 * random weight", Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996). So when an
 * owner goes, exactly the second highest takes over. Weights are by the logarithm method (Schindelhauer and
 * Schomaker, "Weighted Distributed Hash Tables", SPAA 2005): the score is -weight / ln(u), where u is even
 * in (0, 1) and depends on member and slot alone.
 *
 * Scores are those of slots, not of users' keys. 1,000 members have 65 million of them, so u is made by a
 * mix of two words of 32 bits, and members of one weight are compared by u itself, which has the same order:
 * only the best of each weight costs a logarithm. Where the owner of a slot is still there, as the table in
 * force says, nobody who was there then can be ahead of it: it is compared with those only that have come, or
 * weigh otherwise, since. The table is the same as one made from nothing.
 */
import { NOBODY, SLOTS, type OwnerTable } from '../owner-table.ts';
import { following, inOrder, type Member } from './member.ts';
import { xxh64 } from './xxh64.ts';

/** Members of one weight, in the order of their ids: what they are in the table, and 64 bits of their names. */
interface WeightClass {
  readonly weight: number;
  readonly indexes: Uint16Array;
  readonly low: Int32Array;
  readonly high: Int32Array;
}

/** A `MakeTable`; it is the same after any history. */
export function rendezvousTable(
  previous: OwnerTable | undefined,
  service: string,
  members: readonly Member[],
): OwnerTable {
  const ordered = inOrder(members);
  const known = previous?.kind === 'rendezvous' ? previous : undefined;
  const owners = ordered.map(({ id }) => id);
  const table = following(known, service, owners, slotsOf(ordered, known));
  return table === known
    ? known
    : { ...table, ...kindAndWeights(ordered), epoch: (previous?.epoch ?? 0) + 1 };
}

/** @param known the table in force, if it is one of this kind */
function slotsOf(members: readonly Member[], known: OwnerTable | undefined): Uint16Array {
  const slots = new Uint16Array(SLOTS).fill(NOBODY);
  if (members.length === 0) return slots;
  const kept = keptOwners(known, members);
  const stayed = new Set(kept);
  const indexes = [...members.keys()];
  const all = weightClasses(members, indexes);
  const newcomers = weightClasses(
    members,
    indexes.filter((index) => !stayed.has(index)),
  );
  const rivals = indexes.map((index) => [...weightClasses(members, [index]), ...newcomers]);
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const owner = kept[known?.slots[slot] ?? NOBODY] ?? NOBODY;
    slots[slot] = bestOf(rivals[owner] ?? all, mixed(slot));
  }
  return slots;
}

/** What the table after this one has to know besides who owns what. */
function kindAndWeights(members: readonly Member[]): Pick<OwnerTable, 'kind' | 'weights'> {
  const weights = members.map(({ weight }) => weight);
  return { kind: 'rendezvous', ...(weights.every((weight) => weight === 1) ? {} : { weights }) };
}

/** By index into the owners of the table in force: what it is now, `NOBODY` if it went or weighs otherwise. */
function keptOwners(table: OwnerTable | undefined, members: readonly Member[]): number[] {
  const indexes = new Map(members.map(({ id }, index) => [id, index]));
  return (table?.owners ?? []).map((id, place) => {
    const index = indexes.get(id) ?? NOBODY;
    return members[index]?.weight === (table?.weights?.[place] ?? 1) ? index : NOBODY;
  });
}

/** Members by their weights, the greatest weight first. */
function weightClasses(members: readonly Member[], indexes: readonly number[]): WeightClass[] {
  const byWeight = Map.groupBy(indexes, (index) => members[index]?.weight ?? 1);
  return [...byWeight]
    .toSorted(([a], [b]) => b - a)
    .map(([weight, alike]) => weightClass(members, alike, weight));
}

function weightClass(members: readonly Member[], alike: readonly number[], weight: number): WeightClass {
  const indexes = Uint16Array.from(alike);
  const names = Array.from(indexes, (index) => xxh64(Buffer.from(members[index]?.id ?? '', 'utf8'), 0n));
  return {
    weight,
    indexes,
    low: Int32Array.from(names, (name) => Number(BigInt.asIntN(32, name))),
    high: Int32Array.from(names, (name) => Number(BigInt.asIntN(32, name >> 32n))),
  };
}

/** The index of the member with the highest score; of equal ones the first. */
function bestOf(classes: readonly WeightClass[], slot: number): number {
  let owner = NOBODY;
  let highest = 0;
  for (const { weight, indexes, low, high } of classes) {
    const best = placeOfBest(low, high, slot);
    const index = indexes[best] ?? NOBODY;
    if (classes.length === 1) return index;
    const u = (draw(slot, low[best] ?? 0, high[best] ?? 0) + 2 ** 31 + 0.5) / 2 ** 32;
    // -ln(u) is more than 1 - u.
    if (weight / (1 - u) < highest) continue;
    const score = -weight / Math.log(u);
    if (score < highest || (score === highest && index > owner)) continue;
    owner = index;
    highest = score;
  }
  return owner;
}

function placeOfBest(low: Int32Array, high: Int32Array, slot: number): number {
  let best = 0;
  let highest = -(2 ** 31);
  for (let place = 0; place < low.length; place += 1) {
    const drawn = draw(slot, low[place] ?? 0, high[place] ?? 0);
    if (drawn > highest) {
      highest = drawn;
      best = place;
    }
  }
  return best;
}

/** The mix `lowbias32` (Wellons, "Prospecting for Hash Functions", 2018), as a signed number. */
function mixed(word: number): number {
  return draw(word, 0, 0);
}

/** The same mix of `slot` and a name, whose second word joins halfway, so that all 64 bits of it count. */
function draw(slot: number, low: number, high: number): number {
  let word = slot ^ low;
  word = (Math.imul(word ^ (word >>> 16), 0x7feb352d) + high) | 0;
  word = Math.imul(word ^ (word >>> 15), 0x846ca68b);
  return word ^ (word >>> 16);
}
