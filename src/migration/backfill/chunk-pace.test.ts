import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstPace, nextPace, pauseAfter, slower } from './chunk-pace.ts';

test('chunks grow while they are short, up to what the file allows', () => {
  let pace = firstPace(1_000);
  const rows = [pace.rows];
  for (let chunk = 0; chunk < 5; chunk += 1) {
    pace = nextPace(pace, 10, 1_000);
    rows.push(pace.rows);
  }
  assert.deepEqual(rows, [100, 200, 400, 800, 1_000, 1_000]);
  assert.deepEqual(firstPace(7), { rows: 7 });
});

test('a chunk that was long or blocked makes the next one smaller, down to one row', () => {
  assert.deepEqual(nextPace({ rows: 800 }, 41, 1_000), { rows: 400 });
  assert.deepEqual(nextPace({ rows: 800 }, 30, 1_000), { rows: 800 });
  assert.deepEqual(slower({ rows: 3 }), { rows: 1 });
  assert.deepEqual(slower({ rows: 1 }), { rows: 1 });
});

test('the migrator rests as long as a chunk took, but not for ever', () => {
  assert.equal(pauseAfter(20.4), 20);
  assert.equal(pauseAfter(60_000), 2_000);
});

test('it rests longer, the more statements of others run at once', () => {
  assert.equal(pauseAfter(20, 0.5), 30);
  assert.equal(pauseAfter(20, 10), 220);
  assert.equal(pauseAfter(20, 500), 2_000);
});
