import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tellEverybody } from './hand-over-work.ts';

test('everybody is told at once; who is needed is waited for, and nobody else for long', async () => {
  const told: string[] = [];
  const taken = new Map<string, () => void>();
  const tell = (url: string): Promise<void> => {
    told.push(url);
    return new Promise((resolve) => taken.set(url, resolve));
  };
  let isOver = false;
  const over = tellEverybody(['new', 'old'], ['deaf', 'slow'], tell).then(() => (isOver = true));
  assert.deepEqual(told, ['new', 'old', 'deaf', 'slow']);
  for (const url of ['new', 'slow']) taken.get(url)?.();
  await Promise.race([over, Promise.resolve()]);
  assert.equal(isOver, false);
  taken.get('old')?.();
  await over;
});
