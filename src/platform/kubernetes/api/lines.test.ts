import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { lines } from './lines.ts';

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(from: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of from) found.push(line);
  return found;
}

test('lines come out whole however the stream is cut, also within a character', async () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 9 }), async (wanted, size) => {
      const text = wanted.map((one) => `${one}\n`).join('');
      assert.deepEqual(await all(lines(pieces(Buffer.from(text), size))), wanted);
    }),
  );
});

test('an unfinished last line and empty lines are left out', async () => {
  assert.deepEqual(await all(lines(pieces(Buffer.from('a\n\nb\n{"unfin'), 3))), ['a', 'b']);
});

test('a line that does not end is given up before it fills the memory', async () => {
  async function* endless(): AsyncGenerator<Buffer, void> {
    for (;;) yield Buffer.alloc(1024 * 1024, 'x');
  }
  await assert.rejects(all(lines(endless())), /does not end/);
});
