import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptFor } from './kept-for.ts';

function counting(): { make: () => Promise<number>; count: () => number } {
  let made = 0;
  return { make: () => Promise.resolve(++made), count: () => made };
}

test('a value is made again only when its time is over', async () => {
  let now = 0;
  const { make } = counting();
  const get = keptFor(100, make, () => now);
  assert.equal(await get(), 1);
  now = 99;
  assert.equal(await get(), 1);
  now = 100;
  assert.equal(await get(), 2);
});

test('the value itself can tell until when it is good', async () => {
  let now = 0;
  const { make } = counting();
  const get = keptFor(
    (value) => value * 10,
    make,
    () => now,
  );
  await get();
  now = 9;
  assert.equal(await get(), 1);
  now = 10;
  assert.equal(await get(), 2);
});

test('a fresh value is made although one is kept', async () => {
  const { make } = counting();
  const get = keptFor(100, make, () => 0);
  await get();
  assert.equal(await get(true), 2);
  assert.equal(await get(), 2);
});

test('those who ask at the same time cause one attempt', async () => {
  const { make, count } = counting();
  const get = keptFor(100, make, () => 0);
  assert.deepEqual(await Promise.all([get(), get(), get(true)]), [1, 1, 1]);
  assert.equal(count(), 1);
});

test('a failed attempt is not kept', async () => {
  let broken = true;
  const get = keptFor(100, () => (broken ? Promise.reject(new Error('no')) : Promise.resolve('yes')));
  await assert.rejects(get(), /no/);
  broken = false;
  assert.equal(await get(), 'yes');
});
