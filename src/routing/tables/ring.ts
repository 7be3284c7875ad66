/**
 * The `ring` table: consistent hashing (Karger and others, 1997) with the points of libketama (Richard
 * Jones at Last.fm, 2007): 40 MD5 hashes of `ID-0`, `ID-1`, … for a member of average weight, each hash
 * giving four points of 32 bits, little-endian. What stands on the circle belongs to the first point at
 * or after it.
 *
 * Here slots stand on the circle, at equal distances, not keys: the ring is that of libketama, and a user
 * is where the slot is. A member whose points fall between two slots gets nothing by them, so from some 400
 * members on the table is less even than the ring it is made from.
 */
import { hash } from 'node:crypto';
import { NOBODY, SLOTS, type OwnerTable } from '../owner-table.ts';
import { following, inOrder, type Member } from './member.ts';

const HASHES_PER_MEMBER = 40;
const POINTS_PER_HASH = 4;

/** 2^32 - 1 is 65,535 times 65,537: the slots stand on the circle without a gap. */
const DISTANCE = (2 ** 32 - 1) / SLOTS;

/** Room for the index of a member beside a point in one exact number. */
const INDEXES = 2 ** 16;

/** A `MakeTable`; it is the same after any history. */
export function ringTable(
  previous: OwnerTable | undefined,
  service: string,
  members: readonly Member[],
): OwnerTable {
  const ordered = inOrder(members);
  const points = ringPoints(ordered);
  const slots = new Uint16Array(SLOTS).fill(NOBODY);
  let next = 0;
  for (let slot = 0; slot < SLOTS && points.length > 0; slot += 1) {
    while (next < points.length && Math.floor((points[next] ?? 0) / INDEXES) < slot * DISTANCE) next += 1;
    slots[slot] = (points[next === points.length ? 0 : next] ?? 0) % INDEXES;
  }
  const owners = ordered.map(({ id }) => id);
  return following(previous, service, owners, slots);
}

/**
 * All points in ascending order, as point x 2^16 + index of its member; where two members have the same
 * point, it is the first one's.
 */
export function ringPoints(members: readonly Member[]): Float64Array {
  const sum = members.reduce((total, { weight }) => total + weight, 0);
  // libketama computes this in floats of 32 bits, and may come out one lower where the result is whole.
  const hashes = members.map(({ weight }) => Math.floor((HASHES_PER_MEMBER * members.length * weight) / sum));
  const points = new Float64Array(POINTS_PER_HASH * hashes.reduce((total, count) => total + count, 0));
  let at = 0;
  members.forEach(({ id }, index) => {
    for (let nth = 0; nth < (hashes[index] ?? 0); nth += 1) {
      // A character for each byte: much cheaper than a Buffer.
      const digest = hash('md5', `${id}-${nth}`, 'binary');
      for (let byte = 0; byte < digest.length; byte += 4, at += 1)
        points[at] = littleEndian(digest, byte) * INDEXES + index;
    }
  });
  return points.sort();
}

function littleEndian(bytes: string, at: number): number {
  const high = (bytes.charCodeAt(at + 3) << 8) | bytes.charCodeAt(at + 2);
  return high * 2 ** 16 + ((bytes.charCodeAt(at + 1) << 8) | bytes.charCodeAt(at));
}
