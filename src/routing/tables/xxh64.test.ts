import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xxh64 } from './xxh64.ts';

/** Made by xxhash on PyPI, which wraps the reference implementation: length, seed, hash. */
const HASHES: readonly (readonly [length: number, seed: bigint, hash: string])[] = [
  [0, 0n, 'ef46db3751d8e999'],
  [0, 1n, 'd5afba1336a3be4b'],
  [1, 0n, '8a4127811b21e730'],
  [1, 1n, '6ec2195ffcaa3025'],
  [3, 0n, '9fef1b473085ae76'],
  [3, 1n, '7a806e3ce1df1a57'],
  [4, 0n, '6f6d394383efdcff'],
  [4, 1n, '8a69cb6a3448f3c9'],
  [8, 0n, 'e97bb359930ff02e'],
  [8, 1n, 'cfdb4c3733d46767'],
  [15, 0n, '2cf867c93be0f743'],
  [15, 1n, '5615901458056240'],
  [31, 0n, 'e61457c5ed768329'],
  [31, 1n, 'a4e3d305e2e94712'],
  [32, 0n, '94144c0bd7c5680e'],
  [32, 1n, 'd85010a7b593e9e9'],
  [33, 0n, 'ab008cec6c3a44e0'],
  [33, 1n, '9eee16dcd3ea0f75'],
  [63, 0n, '67e16b2f8d9228ce'],
  [63, 1n, '9c26e65ae0dfa452'],
  [64, 0n, 'd5b20ddbbd46fac0'],
  [64, 1n, '1344e39908aefe73'],
  [100, 0n, '7f35bd46c1cdbece'],
  [100, 1n, 'c96d0d011b697549'],
  [257, 0n, '6b959b04028f5e3f'],
  [257, 1n, '63344bb79fd7daf2'],
];

test('hashes are those of the reference implementation, for every way through the algorithm', () => {
  for (const [length, seed, hash] of HASHES) {
    const bytes = Uint8Array.from({ length }, (_, n) => n * 131 + length);
    assert.equal(xxh64(bytes, seed).toString(16).padStart(16, '0'), hash, `${length} bytes, seed ${seed}`);
  }
});
