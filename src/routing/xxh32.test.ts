import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xxh32 } from './xxh32.ts';

/** The byte sequence of xxHash's own self-test: the high bytes of powers of a prime. */
function selfTestBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let generator = 2_654_435_761n;
  for (let at = 0; at < length; at += 1) {
    bytes[at] = Number(generator >> 56n);
    generator = BigInt.asUintN(64, generator * 11_400_714_785_074_694_797n);
  }
  return bytes;
}

test('XXH32 gives the published values for text', () => {
  const vectors: readonly (readonly [string, number])[] = [
    ['', 0x02cc5d05],
    ['a', 0x550d7456],
    ['abc', 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0xe2293b2f],
  ];
  for (const [text, hash] of vectors) assert.equal(xxh32(Buffer.from(text)), hash, text);
});

test("XXH32 gives the values of xxHash's own self-test", () => {
  const vectors: readonly (readonly [number, number])[] = [
    [1, 0xcf65b03e],
    [14, 0x1208e7e2],
    [222, 0x5bd11dbd],
  ];
  for (const [length, hash] of vectors) assert.equal(xxh32(selfTestBytes(length)), hash, `${length} bytes`);
});

test('a view into a larger buffer is hashed by its own bytes only', () => {
  const large = Buffer.from('-----Nobody inspects the spammish repetition-----');
  assert.equal(xxh32(large.subarray(5, -5)), 0xe2293b2f);
});
