/** Requests that an instance has forwarded to an owner whose machine dies without a word, or that only stands still. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { forward, forwardUpgrade } from '../../src/session/forward.ts';
import { QuietPeers } from '../../src/session/quiet-peers.ts';
import { eventually } from '../support/haproxy.ts';
import { ask } from '../routing/load.ts';
import { FarInstance } from '../routing-cluster/far-instance.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

async function farInstance(name: string, number: number): Promise<FarInstance> {
  const instance = new FarInstance(name, number);
  resources.defer(() => instance.close());
  return instance.start();
}

/** A server that forwards everything. @returns its port */
async function forwarding(to: FarInstance): Promise<number> {
  const agent = new Agent({ keepAlive: true });
  const peers = new QuietPeers();
  const http = `http://${to.host}:${to.port}`;
  const forwarding = { http, epoch: 1, token: 'a token', agent, peers };
  const server = createServer((request, response) =>
    forward(request, response, forwarding, () => response.writeHead(503).end('not reached')),
  )
    .on('upgrade', (request, socket, head) => forwardUpgrade(request, { socket, head }, forwarding))
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  resources.defer(async () => {
    agent.destroy();
    peers.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

test('what was forwarded to a machine that died ends soon, what is at one that stands still goes on', async () => {
  const [dead, frozen] = [await farInstance('login-a', 40), await farInstance('login-b', 41)];
  const [toDead, toFrozen] = [await forwarding(dead), await forwarding(frozen)];
  for (const [port, { name }] of [
    [toDead, dead],
    [toFrozen, frozen],
  ] as const)
    assert.equal((await ask(port, {})).body, name);
  frozen.signal('SIGSTOP');
  await dead.die();
  const waits = ask(toFrozen, {});
  let unheard = 0;
  void ask(toDead, {}).then(({ status }) => (unheard = status));
  await eventually('what was never heard is over', () => unheard !== 0);
  assert.equal(unheard, 502);
  frozen.signal('SIGCONT');
  assert.equal((await waits).body, frozen.name);
});

async function webSocket(port: number): Promise<Socket> {
  const headers = { connection: 'Upgrade', upgrade: 'websocket' };
  const [, socket] = (await once(httpRequest({ port, headers }).end(), 'upgrade')) as [
    IncomingMessage,
    Socket,
  ];
  resources.defer(() => void socket.destroy());
  return socket;
}

async function comesBack(socket: Socket): Promise<void> {
  const back = once(socket, 'data');
  socket.write('hello');
  assert.equal(String((await back)[0]), 'hello');
}

test('a WebSocket and an upload to a machine that died end soon, a WebSocket at one that stands still goes on', async () => {
  const [dead, frozen] = [await farInstance('login-a', 42), await farInstance('login-b', 43)];
  // Each by a server of its own: nothing else tells about the machine.
  const lost = await webSocket(await forwarding(dead));
  const kept = await webSocket(await forwarding(frozen));
  const upload = httpRequest({ port: await forwarding(dead), method: 'POST', path: '/login/hold' });
  upload.write('the first part');
  await comesBack(lost);
  await comesBack(kept);
  frozen.signal('SIGSTOP');
  await dead.die();
  // Bytes that wait for the other side: keep-alive of the kernel asks nothing then, and it sends them again for minutes.
  lost.write('hello?');
  const sending = setInterval(() => upload.write('another part'), 20);
  resources.defer(() => clearInterval(sending));
  const [answer] = await Promise.all([once(upload, 'response'), once(lost, 'close')]);
  assert.equal((answer[0] as IncomingMessage).statusCode, 502);
  upload.destroy();
  frozen.signal('SIGCONT');
  await comesBack(kept);
});
