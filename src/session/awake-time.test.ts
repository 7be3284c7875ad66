import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AwakeTime } from './awake-time.ts';

test('time goes as fast as the clock while there are ticks, and hardly while there are none', () => {
  let clock = 1000;
  const time = new AwakeTime(() => clock);
  assert.equal(time.now(), 0);
  for (let tick = 0; tick < 20; tick += 1) {
    clock += 50;
    time.passed();
  }
  assert.equal(time.now(), 1000);
  clock += 30;
  assert.equal(time.now(), 1030, 'between ticks too');
  clock += 60_000;
  assert.equal(time.now(), 1200);
  time.passed();
  assert.equal(time.now(), 1200);
  clock += 50;
  time.passed();
  assert.equal(time.now(), 1250);
});
