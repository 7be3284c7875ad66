/**
 * XXH32 with seed 0, as HAProxy's `xxh32` converter computes it. Router and control plane hash every
 * key by themselves and must agree on every byte string.
 * Source: xxHash fast digest algorithm, chapter "XXH32 Algorithm Description" (xxhash_spec.md).
 */
const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;
const STRIPE_BYTES = 16;

const rotateLeft = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

const round = (accumulator: number, lane: number): number =>
  Math.imul(rotateLeft((accumulator + Math.imul(lane, PRIME_2)) | 0, 13), PRIME_1);

function avalanche(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  mixed = Math.imul(mixed ^ (mixed >>> 13), PRIME_3);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function foldStripes(view: DataView, end: number): number {
  let first = (PRIME_1 + PRIME_2) | 0;
  let second = PRIME_2 | 0;
  let third = 0;
  let fourth = -PRIME_1 | 0;
  for (let at = 0; at < end; at += STRIPE_BYTES) {
    first = round(first, view.getUint32(at, true));
    second = round(second, view.getUint32(at + 4, true));
    third = round(third, view.getUint32(at + 8, true));
    fourth = round(fourth, view.getUint32(at + 12, true));
  }
  return (rotateLeft(first, 1) + rotateLeft(second, 7) + rotateLeft(third, 12) + rotateLeft(fourth, 18)) | 0;
}

/** The 32-bit hash of `bytes`, as an unsigned number. */
export function xxh32(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stripesEnd = bytes.length - (bytes.length % STRIPE_BYTES);
  let hash = stripesEnd > 0 ? foldStripes(view, stripesEnd) : PRIME_5;
  hash = (hash + bytes.length) | 0;
  let at = stripesEnd;
  for (; at + 4 <= bytes.length; at += 4) {
    hash = Math.imul(rotateLeft((hash + Math.imul(view.getUint32(at, true), PRIME_3)) | 0, 17), PRIME_4);
  }
  for (; at < bytes.length; at += 1) {
    hash = Math.imul(rotateLeft((hash + Math.imul(view.getUint8(at), PRIME_5)) | 0, 11), PRIME_1);
  }
  return avalanche(hash);
}
