import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { WorkQueue } from './work-queue.ts';

test('no more than the bound run at once, all that may wait run in order, and the rest is refused', async () => {
  const queue = new WorkQueue({ running: 2, waiting: 3 });
  const begun: number[] = [];
  const finish: (() => void)[] = [];
  const results = [0, 1, 2, 3, 4, 5].map((n) =>
    queue.run(async () => {
      begun.push(n);
      await new Promise<void>((resolve) => finish.push(resolve));
      return n;
    }),
  );
  assert.equal(await results[5], undefined);
  assert.deepEqual(begun, [0, 1]);
  for (let n = 0; n < 5; n++) {
    finish[n]?.();
    await turn();
    assert.ok(begun.length <= n + 3);
  }
  assert.deepEqual(await Promise.all(results), [0, 1, 2, 3, 4, undefined]);
  assert.deepEqual(begun, [0, 1, 2, 3, 4]);
});

test('work that fails frees its place', async () => {
  const queue = new WorkQueue({ running: 1, waiting: 0 });
  await assert.rejects(
    queue.run(() => Promise.reject(new Error('broken'))),
    /broken/,
  );
  assert.equal(await queue.run(() => Promise.resolve('next')), 'next');
});
