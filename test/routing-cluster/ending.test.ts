/** What a router that ends does for clients who still have a connection to it. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../support/haproxy.ts';
import type { ClusterRouter } from './cluster-router.ts';
import { slice } from './fake-api.ts';
import { loopback } from './loopback.ts';
import { KeepAliveLoad, request, type Answer } from './request.ts';
import { Shop } from './shop.ts';

/** HAProxy that was told to stop forgets its pins after 5 s when nobody learns them from it; ms. */
const PINS_FORGOTTEN = 7_000;

let shop: Shop;
let router: ClusterRouter;
beforeEach(async () => {
  shop = new Shop();
  await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  router = await shop.readyRouter(2);
});
afterEach(() => shop.close());

/** Keeps its connection. */
class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  get isConnected(): boolean {
    return Object.keys(this.#agent.freeSockets).length === 1;
  }

  async ask(user: string): Promise<Answer> {
    return request({ host: router.host, path: '/login', headers: { 'x-user': user }, agent: this.#agent });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

test('who keeps a connection to a router that ends is served as before, and then connects elsewhere', async () => {
  using early = new Client();
  using late = new Client();
  using other = new Client();
  shop.own('login-a');
  await eventually('the table is in force', async () => (await early.ask('alice')).body === 'login-a');
  // Another router comes, so this one reloads: its old worker keeps the first client's connection.
  const worker = await router.worker();
  shop.api.set(slice('routers', { name: 'router-3', host: loopback(3) }));
  await eventually('it has reloaded', async () => (await router.worker()) !== worker);
  for (const client of [late, other]) assert.equal((await client.ask('bob')).body, 'login-a');
  const ended = router.end();
  shop.own('login-b');
  await delay(PINS_FORGOTTEN);
  const asks = [
    { client: early, user: 'alice', instance: 'login-a' },
    { client: late, user: 'bob', instance: 'login-a' },
    { client: other, user: 'carol', instance: 'login-b' },
  ];
  for (const { client, user, instance } of asks) {
    assert.ok(client.isConnected, user);
    const { status, body } = await client.ask(user);
    assert.deepEqual([status, body], [200, instance], user);
    await eventually('the connection is closed', async () => Promise.resolve(!client.isConnected));
  }
  await ended;
});

test('a router that ends serves who comes late, each with a connection of its own, until nobody comes', async () => {
  shop.own('login-a');
  const ask = { host: router.host, path: '/login', headers: { 'x-user': 'alice' } };
  await eventually('the table is in force', async () => (await request(ask)).status === 200);
  const clients = new KeepAliveLoad({ host: router.host, path: '/login', reconnects: true }, ['alice']);
  const ended = router.end().then(() => assert.ok(isOver, 'not before the last one has come'));
  let isOver = false;
  const begun = performance.now();
  await eventually('they come long after it has begun to end', () => performance.now() - begun > 5_000);
  isOver = true;
  await clients.end();
  await ended;
  assert.deepEqual(clients.failures, []);
});
