import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restartDelay } from './backoff.ts';

test('the first start after a stable life is at once, then the delay doubles up to its bound', () => {
  const delays = [0, 1, 2, 3, 7, 100].map((failures) => restartDelay(failures));
  assert.deepEqual(delays, [0, 500, 1_000, 2_000, 30_000, 30_000]);
});
