/** A second owner that gets little processor time: slow, and there. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { PeerClient } from '../../src/session/peer-client.ts';

/** More than a heartbeat takes to become due three times over, and longer than the right lasts. */
const ANSWER_MS = 2_000;

test('an answer that takes 2 s is waited for: all others would take as long', async () => {
  let copies = 0;
  const server = createServer((request, response) => {
    copies += 1;
    request.resume();
    setTimeout(() => response.end(JSON.stringify({ epoch: 3, refused: {} })), ANSWER_MS);
  }).listen(0, '127.0.0.1');
  const client = new PeerClient('a token');
  try {
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const copy = { from: 'one', sequence: 1, epoch: 3, entries: [] };
    const answer = await client.copy({ incarnation: 'other', url }, copy);
    assert.deepEqual(answer, { epoch: 3, refused: new Map() });
    assert.equal(copies, 1);
  } finally {
    client.close();
    server.close();
  }
});
