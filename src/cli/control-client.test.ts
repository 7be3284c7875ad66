import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ControllerLost, controlClient, NotRunning } from './control-client.ts';

test('each question has a connection of its own; a controller that ends is told from one that is not there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-client-'));
  const path = join(folder, 'control');
  const client = controlClient(path);
  await assert.rejects(client.get('/status'), NotRunning);
  let connections = 0;
  const server = createServer((request, response) => {
    if (request.url === '/status') response.end('7');
    else request.socket.destroy();
  });
  server.on('connection', () => (connections += 1)).listen(path);
  try {
    await once(server, 'listening');
    for (let n = 0; n < 3; n += 1) assert.equal(await client.get('/status'), 7);
    assert.equal(connections, 3);
    await assert.rejects(client.get('/gone'), ControllerLost);
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
});
