/** HTTPS at the routers of a cluster: the Secret with the certificate, and routers that end under clients of HTTP/2. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { makeCertificate, shownCertificate } from '../support/certificates.ts';
import { eventually, HOST } from '../support/haproxy.ts';
import { Http2Client, Http2Load } from '../support/http2-load.ts';
import type { ClusterRouter } from './cluster-router.ts';
import { tlsSecret } from './fake-api.ts';
import { ServiceAddress } from './service-address.ts';
import { Shop } from './shop.ts';

const SECRET = 'shop-tls';
const HTTPS = 8443;
/** How long HAProxy goes on after it was told to stop; ms. */
const STOPPED_AFTER = 4_000;

let shop = new Shop();
let resources = new AsyncDisposableStack();
beforeEach(() => {
  shop = new Shop();
  resources = new AsyncDisposableStack();
  shop.secure(SECRET);
});
afterEach(async () => {
  await resources.disposeAsync();
  await shop.close();
});

async function secureShop(): Promise<void> {
  shop.api.set(tlsSecret(SECRET, await makeCertificate('first')));
  await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a', 'login-b');
}

const says = ({ lines }: ClusterRouter, pattern: RegExp): boolean => lines.some((line) => pattern.test(line));

test('a router without its Secret says so, and is ready as soon as it is there', async () => {
  const router = await shop.router(2);
  await eventually('it says what it waits for', () => says(router, /waits for the Secret "shop-tls"/));
  assert.equal(await router.isReady(), false);
  shop.api.set(tlsSecret(SECRET, await makeCertificate('first')));
  await router.untilReady();
  assert.equal(await shownCertificate(router.host, HTTPS), 'first');
});

test('a changed Secret is in force without a reload; one that cannot be used, or is gone, changes nothing', async () => {
  await secureShop();
  const router = await shop.readyRouter(2);
  const worker = await router.worker();
  const load = new Http2Load(`https://${router.host}:${HTTPS}`, ['ann', 'ben'], '/login');
  const [second, third] = await Promise.all([makeCertificate('second'), makeCertificate('third')]);
  const shows = (name: string) => async (): Promise<boolean> =>
    (await shownCertificate(router.host, HTTPS)) === name;
  shop.api.set(tlsSecret(SECRET, second));
  await eventually('the second is shown', shows('second'));
  shop.api.set(tlsSecret(SECRET, { ...third, key: second.key }));
  await eventually('it is refused', () => says(router, /"shop-tls": tls.key is not the key of the first/));
  shop.api.remove('Secret', SECRET);
  assert.ok(await shows('second')());
  shop.api.set(tlsSecret(SECRET, third));
  await eventually('the third is shown', shows('third'));
  await load.end();
  assert.deepEqual(load.failures, []);
  assert.equal(await router.worker(), worker);
});

test('another Secret takes the place of the one before once it has a certificate', async () => {
  await secureShop();
  const router = await shop.readyRouter(2);
  shop.secure('other-tls');
  await eventually('it waits', () => says(router, /waits for the Secret "other-tls"/));
  assert.equal(await shownCertificate(router.host, HTTPS), 'first');
  shop.api.set(tlsSecret('other-tls', await makeCertificate('other')));
  await eventually('it is shown', async () => (await shownCertificate(router.host, HTTPS)) === 'other');
});

test('routers are rolled under clients of HTTP/2 without a failed request', async () => {
  await secureShop();
  const old = [await shop.readyRouter(2, { grace: '0.5s' }), await shop.readyRouter(3, { grace: '0.5s' })];
  const address = await new ServiceAddress(
    old.map(({ host }) => host),
    HTTPS,
  ).start();
  resources.defer(() => address.close());
  const users = ['ann', 'ben', 'cem', 'dora', 'eva', 'finn'];
  const load = new Http2Load(`https://${HOST}:${address.port}`, users, '/login');
  resources.defer(() => load.end());
  for (const [index, leaving] of old.entries()) {
    const next = await shop.readyRouter(4 + index, { grace: '0.5s' });
    address.routers = [...address.routers, next.host];
    const ended = leaving.end();
    await eventually('it is not ready', async () => !(await leaving.isReady()));
    address.routers = address.routers.filter((host) => host !== leaving.host);
    await ended;
    shop.api.remove('EndpointSlice', `routers-${leaving.name}`);
    const { answered } = load;
    await eventually('clients go on', () => load.answered > answered + users.length);
  }
  await load.end();
  assert.deepEqual(load.failures, []);
  assert.ok(load.clients.every(({ connections }) => connections > 1));
});

test('a router that ends waits for a request of HTTP/2, and not for a client without one', async () => {
  await secureShop();
  const held = Promise.withResolvers<ServerResponse>();
  const slow = await shop.instance('web', 'web-a');
  slow.answer = (_incoming, response) => held.resolve(response);
  const router = await shop.readyRouter(2);
  using idle = new Http2Client(`https://${router.host}:${HTTPS}`);
  using busy = new Http2Client(`https://${router.host}:${HTTPS}`);
  assert.equal((await idle.ask({ ':path': '/login', 'x-user': 'ann' })).status, 200);
  const answer = busy.ask({});
  const response = await held.promise;
  const ended = router.end();
  await delay(STOPPED_AFTER + 1_000);
  assert.ok(idle.isConnected, 'it goes on for the other one');
  response.end('at last');
  assert.deepEqual(await answer, { status: 200, body: 'at last' });
  await eventually('both were told to leave', () => !idle.isConnected && !busy.isConnected);
  await ended;
});
