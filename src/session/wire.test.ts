import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { OperationError } from '../app/failure.ts';
import { jsonLines } from './body.ts';
import { copyLines, importLines, readCopy, readImport } from './wire.ts';

/** Lines as they come from a socket, cut anywhere. */
function arriving(text: string, size = 7): AsyncIterable<unknown> {
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
    bytes.subarray(n * size, (n + 1) * size),
  );
  return jsonLines(Readable.from(pieces) as unknown as IncomingMessage);
}

const session = fc.record({
  slot: fc.nat(65_536),
  key: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', 'constructor', '\n', '"')),
  text: fc.jsonValue().map((value) => JSON.stringify(value)),
  formatVersion: fc.integer({ min: 1, max: 9 }),
  unused: fc.nat(),
});

test('sessions of any key and value come through an import as they are', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(session), fc.integer({ min: 1, max: 50 }), async (sessions, size) => {
      const sent = { epoch: 3, from: 'a1', slots: [1, 2], sessions };
      const read = await readImport(arriving(importLines(sent, 'b1'), size));
      assert.deepEqual(read, { to: 'b1', body: { ...sent, sessions: sessions.map(normal) } });
    }),
  );
});

test('entries of all kinds come through a copy as they are', async () => {
  const sent = {
    from: 'a1',
    sequence: 4,
    epoch: 3,
    entries: [
      { type: 'whole', term: 2, slots: [1, 2] },
      {
        type: 'session',
        term: 2,
        session: { slot: 1, key: 'änn', text: '{"a":[1,null]}', formatVersion: 2, unused: 0.5 },
      },
      { type: 'complete', term: 2, slots: [1, 2] },
      { type: 'deleted', term: 3, slot: 9, key: 'bob' },
    ],
  } as const;
  assert.deepEqual(await readCopy(arriving(copyLines(sent, 'b1'))), { to: 'b1', body: sent });
});

test('what is cut off or is something else is refused', async () => {
  const whole = importLines({ epoch: 3, from: 'a1', slots: [1], sessions: [] }, 'b1');
  for (const text of ['', '[]\n', 'null\n', '{"from":"a1"', whole.split('\n')[0] ?? '', `${whole}${whole}`]) {
    await assert.rejects(readImport(arriving(text)), OperationError, text);
  }
  for (const line of ['{"slot":1}', '{"slot":1,"term":1,"key":"a"}', '{"slots":{},"term":1,"whole":true}']) {
    await assert.rejects(
      readCopy(arriving(`{"from":"a1","to":"b1","sequence":1,"epoch":1}\n${line}\n`)),
      OperationError,
    );
  }
});

/** JSON has one form only for some values, -0 among them. */
function normal<T extends { readonly text: string }>(session: T): T {
  return { ...session, text: JSON.stringify(JSON.parse(session.text)) };
}
