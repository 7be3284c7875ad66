/**
 * XXH64, for names: a handful of short ones at a time.
 * Source: xxHash fast digest algorithm, chapter "XXH64 Algorithm Description" (xxhash_spec.md).
 */
const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;
const STRIPE_BYTES = 32;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

const rotateLeft = (value: bigint, bits: bigint): bigint => wrap((value << bits) | (value >> (64n - bits)));

const round = (accumulator: bigint, lane: bigint): bigint =>
  wrap(rotateLeft(wrap(accumulator + lane * PRIME_2), 31n) * PRIME_1);

function foldStripes(view: DataView, end: number, seed: bigint): bigint {
  const lanes = [wrap(seed + PRIME_1 + PRIME_2), wrap(seed + PRIME_2), seed, wrap(seed - PRIME_1)];
  for (let at = 0; at < end; at += 8) {
    const lane = (at / 8) % lanes.length;
    lanes[lane] = round(lanes[lane] ?? 0n, view.getBigUint64(at, true));
  }
  const turns = [1n, 7n, 12n, 18n];
  const joined = wrap(lanes.reduce((sum, lane, at) => sum + rotateLeft(lane, turns[at] ?? 0n), 0n));
  return lanes.reduce((hash, lane) => wrap((hash ^ round(0n, lane)) * PRIME_1 + PRIME_4), joined);
}

function avalanche(hash: bigint): bigint {
  let mixed = wrap((hash ^ (hash >> 33n)) * PRIME_2);
  mixed = wrap((mixed ^ (mixed >> 29n)) * PRIME_3);
  return mixed ^ (mixed >> 32n);
}

/** The 64-bit hash of `bytes`. */
export function xxh64(bytes: Uint8Array, seed: bigint): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = bytes.length - (bytes.length % STRIPE_BYTES);
  let hash = at > 0 ? foldStripes(view, at, seed) : wrap(seed + PRIME_5);
  hash = wrap(hash + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8)
    hash = wrap(rotateLeft(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * PRIME_1 + PRIME_4);
  for (; at + 4 <= bytes.length; at += 4)
    hash = wrap(rotateLeft(hash ^ wrap(BigInt(view.getUint32(at, true)) * PRIME_1), 23n) * PRIME_2 + PRIME_3);
  for (; at < bytes.length; at += 1)
    hash = wrap(rotateLeft(hash ^ wrap(BigInt(view.getUint8(at)) * PRIME_5), 11n) * PRIME_1);
  return avalanche(hash);
}
