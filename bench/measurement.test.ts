import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as check, integer, property } from 'fast-check';
import { median, reported } from './measurement.ts';

test('the median has as many values below as above it', () => {
  check(
    property(array(integer({ min: -1000, max: 1000 }), { minLength: 1 }), (values) => {
      const middle = median(values);
      const below = values.filter((value) => value < middle).length;
      const above = values.filter((value) => value > middle).length;
      assert.ok(below <= values.length / 2 && above <= values.length / 2);
    }),
  );
});

test('the median of an even number of values is the mean of the two in the middle', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

test('there is no median of nothing', () => {
  assert.throws(() => median([]), RangeError);
});

test('a figure with a peer and a goal says how it compares and whether the goal is met', () => {
  const measured = { name: 'up', value: 3.5, unit: 's', peer: 7, goal: 3 };
  assert.deepEqual(reported(measured), {
    name: 'up',
    value: 3.5,
    unit: 's',
    peer: 7,
    ratio: 0.5,
    goal: 3,
    met: false,
  });
});

test('exactly the goal meets it', () => {
  assert.equal(reported({ name: 'up', value: 3, unit: 's', goal: 3 }).met, true);
});

test('a figure without peer and goal has null in their places', () => {
  const { peer, ratio, goal, met } = reported({ name: 'cold', value: 8, unit: 's' });
  assert.deepEqual([peer, ratio, goal, met], [null, null, null, null]);
});
