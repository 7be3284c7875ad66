import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { OWNERS_WITHIN } from '../../src/platform/kubernetes/router/router-driver.ts';
import { OWNERS_AWAITED } from '../../src/platform/kubernetes/router/table-memory.ts';
import { ownerOf, type OwnerTable } from '../../src/routing/owner-table.ts';
import { eventually, type TestInstance } from '../support/haproxy.ts';
import type { ClusterRouter } from './cluster-router.ts';
import { slice, structureMap } from './fake-api.ts';
import { loopback } from './loopback.ts';
import { KeepAliveLoad, request } from './request.ts';
import { ServiceAddress } from './service-address.ts';
import { Shop, STRUCTURE } from './shop.ts';

let shop = new Shop();
let resources = new AsyncDisposableStack();
beforeEach(() => {
  shop = new Shop();
  resources = new AsyncDisposableStack();
});
afterEach(async () => {
  await resources.disposeAsync();
  await shop.close();
});

const USERS = Array.from({ length: 20 }, (_, n) => `user-${n}`);

function load(router: ClusterRouter, path: string): KeepAliveLoad {
  const made = new KeepAliveLoad({ host: router.host, path }, USERS);
  resources.defer(() => made.end());
  return made;
}

async function servers(
  router: ClusterRouter,
  service: string,
): Promise<Record<string, { draining: boolean }>> {
  const { services } = await router.state();
  return Object.fromEntries((services[service]?.servers ?? []).map((server) => [server.name, server]));
}

async function goesOn(load: KeepAliveLoad): Promise<void> {
  const before = load.answered;
  await eventually('the load goes on', () => load.answered > before + 300);
}

test('stateless instances come, end and go under load without a reload and without a failed request', async () => {
  await shop.instance('web', 'web-a');
  const leaving = await shop.instance('web', 'web-b');
  shop.own();
  const router = await shop.readyRouter(2);
  const worker = await router.worker();
  const clients = load(router, '/');
  await goesOn(clients);
  await shop.instance('web', 'web-c');
  await eventually('the new one serves', () => [...clients.served.values()].flat().includes('web-c'));
  shop.show('web', leaving, { terminating: true });
  await eventually('it drains', async () => (await servers(router, 'web'))['web-b']?.draining === true);
  const had = [...leaving.users.values()].reduce((a, b) => a + b, 0);
  await goesOn(clients);
  const has = [...leaving.users.values()].reduce((a, b) => a + b, 0);
  assert.ok(has - had <= USERS.length, `no new requests, but those under way: ${has - had}`);
  await leaving.crash();
  shop.gone('web', 'web-b');
  await eventually('it has gone', async () => (await servers(router, 'web'))['web-b'] === undefined);
  await goesOn(clients);
  await clients.end();
  assert.deepEqual(clients.failures, []);
  assert.equal(await router.worker(), worker);
});

test('routers of an application without sessions serve it, also when others of them come', async () => {
  const backends = STRUCTURE.backends.filter(({ stateful }) => stateful === undefined);
  shop.api.set(structureMap({ ...STRUCTURE, routes: [{ path: '/', service: 'web' }], backends }));
  await shop.instance('web', 'web-a');
  for (const n of [2, 3]) {
    const { host } = await shop.readyRouter(n);
    await eventually('it is routed to', async () => (await request({ host })).body === 'web-a');
  }
});

test('an instance with sessions that ends keeps its users until it has gone; then they follow the table', async () => {
  const leaving = await shop.instance('login', 'login-a');
  shop.own('login-a');
  const router = await shop.readyRouter(2);
  const worker = await router.worker();
  const clients = load(router, '/login');
  await eventually('everybody has a session', () => clients.served.size === USERS.length);
  await shop.instance('login', 'login-b');
  shop.show('login', leaving, { terminating: true });
  shop.own('login-b');
  await eventually('it is closed', async () => {
    const { closed, users } = (await (await router.get('/instances/login/login-a')).json()) as {
      closed: boolean;
      users: number;
    };
    assert.equal(users, USERS.length);
    return closed;
  });
  const { services } = await router.state();
  const told = services['login']?.servers.find(({ name }) => name === 'login-a');
  assert.deepEqual([told?.draining, told?.pins], [true, USERS.length]);
  await goesOn(clients);
  assert.ok(
    [...clients.served.values()].every((by) => by.length === 1),
    'nobody has moved',
  );
  shop.gone('login', 'login-a');
  await eventually('all have moved', () =>
    [...clients.served.values()].every((by) => by.at(-1) === 'login-b'),
  );
  await clients.end();
  assert.deepEqual(clients.failures, []);
  assert.equal(await router.worker(), worker);
});

test('an instance that is not ready yet is not routed to, and one that was keeps its place', async () => {
  const early = await shop.instance('web', 'web-a', { ready: false });
  const known = await shop.instance('web', 'web-b');
  shop.own();
  const router = await shop.readyRouter(2);
  assert.deepEqual(Object.keys(await servers(router, 'web')), ['web-b']);
  shop.show('web', early);
  await eventually('it is routed to', async () => 'web-a' in (await servers(router, 'web')));
  shop.show('web', known, { ready: false });
  await shop.instance('web', 'web-c');
  await eventually('later news is seen', async () => 'web-c' in (await servers(router, 'web')));
  assert.deepEqual(Object.keys(await servers(router, 'web')).toSorted(), ['web-a', 'web-b', 'web-c']);
  shop.api.set(structureMap({ ...STRUCTURE, generation: 'g-2' }));
  await eventually('reloaded', async () => (await router.state()).generation === 'g-2');
  assert.ok('web-b' in (await servers(router, 'web')), 'it has its place after a reload too');
});

test('another structure is taken over without a failed request', async () => {
  await shop.instance('web', 'web-a');
  shop.own();
  const router = await shop.readyRouter(2);
  const worker = await router.worker();
  const clients = load(router, '/');
  await goesOn(clients);
  const routes = [{ path: '/other', service: 'web' }, ...STRUCTURE.routes];
  shop.api.set(structureMap({ ...STRUCTURE, generation: 'g-2', routes }));
  await eventually('it is in force', async () => (await router.state()).generation === 'g-2');
  await goesOn(clients);
  await clients.end();
  assert.deepEqual(clients.failures, []);
  assert.notEqual(await router.worker(), worker);
});

test('a damaged publication leaves the last good one in force and is told', async () => {
  await shop.instance('web', 'web-a');
  shop.own();
  const router = await shop.readyRouter(2);
  shop.api.set({ ...structureMap(STRUCTURE), data: { structure: '{"generation":7}' } } as never);
  await eventually('it is told', () => router.lines.some((line) => line.includes('structure is damaged')));
  assert.equal((await request({ host: router.host })).body, 'web-a');
  assert.equal((await router.state()).generation, 'g-1');
});

test('while the API is away a router goes on, and one that starts waits', async () => {
  await shop.instance('web', 'web-a');
  shop.own();
  const router = await shop.readyRouter(2);
  shop.api.away = true;
  process.kill(await router.worker(), 'SIGKILL');
  await eventually('it is noticed', async () => !(await router.isReady()));
  await router.untilReady();
  assert.equal((await request({ host: router.host })).body, 'web-a');
  const starting = await shop.router(3);
  await eventually(
    'it lives',
    async () => (await starting.get('/live').catch(() => undefined))?.status === 200,
  );
  assert.equal(await starting.isReady(), false);
  await assert.rejects(request({ host: starting.host }), /ECONNREFUSED/);
  shop.api.away = false;
  await starting.untilReady();
});

test('routers are rolled under keep-alive clients without a failed request', async () => {
  await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a', 'login-b');
  const old = [await shop.readyRouter(2, { grace: '0.5s' }), await shop.readyRouter(3, { grace: '0.5s' })];
  const address = await new ServiceAddress(old.map(({ host }) => host)).start();
  resources.defer(() => address.close());
  const clients = new KeepAliveLoad({ host: '127.0.0.1', port: address.port, path: '/login' }, USERS);
  resources.defer(() => clients.end());
  await eventually('everybody has a session', () => clients.served.size === USERS.length);
  for (const [index, leaving] of old.entries()) {
    const next = await shop.readyRouter(4 + index, { grace: '0.5s' });
    address.routers = [...address.routers, next.host];
    const ended = leaving.end();
    await eventually('it is not ready', async () => !(await leaving.isReady()));
    // Nodes hear of it later.
    await goesOn(clients);
    address.routers = address.routers.filter((host) => host !== leaving.host);
    await ended;
    shop.api.remove('EndpointSlice', `routers-${leaving.name}`);
    await goesOn(clients);
  }
  await clients.end();
  assert.deepEqual(clients.failures, []);
  assert.ok(
    [...clients.served.values()].every((by) => by.length === 1),
    'nobody has lost a session',
  );
});

test('the state is told to those only who have the token', async () => {
  shop.own();
  const router = await shop.readyRouter(2);
  for (const path of ['/state', '/instances/login/login-a', '/pins/login?key=alice']) {
    assert.equal((await router.get(path, 'wrong')).status, 401, path);
    assert.equal((await router.get(path, '')).status, 401, path);
    assert.equal((await router.get(path)).status, 200, path);
  }
  assert.equal((await router.get('/ready', '')).status, 200);
  const release = `http://${router.host}:8081/instances/login/login-a/release`;
  assert.equal((await fetch(release, { method: 'POST' })).status, 401);
  assert.equal((await router.get('/pins/login')).status, 400);
});

test('a router that does not run at its address any more disturbs nobody', async () => {
  await shop.instance('login', 'login-a');
  shop.own('login-a');
  const [one, two] = [await shop.readyRouter(2), await shop.readyRouter(3)];
  const worker = await one.worker();
  shop.api.remove('EndpointSlice', 'routers-router-3');
  await two.close();
  const clients = load(one, '/login');
  await goesOn(clients);
  await clients.end();
  assert.deepEqual(clients.failures, []);
  assert.equal(await one.worker(), worker, 'no reload for one that has gone');
  await eventually('a reload keeps pins', () => one.router.pinsSurviveReload());
  shop.api.set(slice('routers', { name: 'router-9', host: loopback(9), ready: false }));
  await eventually('one that comes replaces it', async () => {
    const { peers } = await one.state().catch(() => ({ peers: [] as string[] }));
    return peers.length === 1 && peers[0] === 'router-9';
  });
});

/** All users have a session at `login-a`, which is alone; there is another instance when this returns. */
async function shopWithSessions(): Promise<{ router: ClusterRouter; leaving: TestInstance }> {
  const leaving = await shop.instance('login', 'login-a');
  shop.own('login-a');
  const router = await shop.readyRouter(2);
  assert.deepEqual(await served(router), ['200 login-a']);
  await shop.instance('login', 'login-b');
  shop.own('login-b');
  await eventually('the table is in force', async () => {
    const { services } = await router.state();
    return services['login']?.epoch === 2;
  });
  return { router, leaving };
}

/** What all users together are told. */
async function served(router: ClusterRouter): Promise<string[]> {
  const answers = USERS.map(async (user) => {
    const ask = { host: router.host, path: '/login', headers: { 'x-user': user } };
    const { status, body } = await request(ask);
    return status === 200 ? `${status} ${body}` : String(status);
  });
  return [...new Set(await Promise.all(answers))];
}

async function isDown(router: ClusterRouter, name: string): Promise<boolean> {
  const { services } = await router.state();
  return services['login']?.servers.find((server) => server.name === name)?.up === false;
}

test('an instance that ends, is not ready and is down has been given up: its users follow the table', async () => {
  const { router, leaving } = await shopWithSessions();
  await leaving.crash();
  await eventually('it is down', () => isDown(router, leaving.name));
  shop.show('login', leaving, { terminating: true });
  await shop.instance('web', 'web-a');
  await eventually('that is seen', async () => 'web-a' in (await servers(router, 'web')));
  assert.deepEqual(await served(router), ['503'], 'it may only be slow while it drains');
  shop.show('login', leaving, { terminating: true, ready: false });
  await eventually('all have moved', async () => (await served(router)).join() === '200 login-b');
  await eventually('it has gone', async () => !('login-a' in (await servers(router, 'login'))));
  await leaving.start(leaving.port);
  shop.show('login', leaving, { terminating: true });
  await shop.instance('web', 'web-b');
  await eventually('that is seen', async () => 'web-b' in (await servers(router, 'web')));
  assert.deepEqual(Object.keys(await servers(router, 'login')), ['login-b'], 'it stays given up');
});

test('an instance that ends and is not ready keeps its users as long as it answers', async () => {
  const { router, leaving } = await shopWithSessions();
  shop.show('login', leaving, { terminating: true, ready: false });
  await shop.instance('web', 'web-a');
  await eventually('that is seen', async () => 'web-a' in (await servers(router, 'web')));
  assert.deepEqual(await served(router), ['200 login-a']);
});

test('endpoints that vanish without having ended are kept for a while, and come back to their users', async () => {
  const { router, leaving: stays } = await shopWithSessions();
  const clients = load(router, '/login');
  await goesOn(clients);
  shop.gone('login', stays.name);
  shop.gone('login', 'login-b');
  await shop.instance('web', 'web-a');
  await eventually('that is seen', async () => 'web-a' in (await servers(router, 'web')));
  await goesOn(clients);
  shop.show('login', stays);
  await goesOn(clients);
  assert.deepEqual(Object.keys(await servers(router, 'login')).toSorted(), ['login-a', 'login-b']);
  await eventually('the other one has gone', async () => !('login-b' in (await servers(router, 'login'))));
  await goesOn(clients);
  await clients.end();
  assert.deepEqual(clients.failures, []);
  assert.ok(
    [...clients.served.values()].every((by) => by.join() === 'login-a'),
    'nobody has moved',
  );
});

test('a new table waits for the endpoints of its owners as long as the one in force can be followed', async () => {
  const leaving = await shop.instance('login', 'login-a');
  shop.own('login-a');
  const router = await shop.readyRouter(2);
  const epoch = async (): Promise<number | undefined> => (await router.state()).services['login']?.epoch;
  shop.own('login-a', 'login-b');
  const published = performance.now();
  // Somebody new each time: who is pinned would not notice.
  for (let n = 0; performance.now() - published < 2 * OWNERS_AWAITED; n += 1) {
    const ask = { host: router.host, path: '/login', headers: { 'x-user': `newcomer-${n}` } };
    assert.deepEqual(await request(ask), { status: 200, body: 'login-a' });
  }
  assert.equal(await epoch(), 1);
  await shop.instance('login', 'login-b');
  await eventually('it is in force', async () => (await epoch()) === 2);
  for (let n = 0; n < 20; n += 1) {
    const user = `late-${n}`;
    const ask = { host: router.host, path: '/login', headers: { 'x-user': user } };
    assert.deepEqual(await request(ask), { status: 200, body: ownerOf(shop.table as OwnerTable, user) });
  }
  shop.own('login-b', 'login-nowhere');
  await leaving.crash();
  await eventually('an owner has gone: it is in force without one', async () => (await epoch()) === 3);
});

test('a router that starts is not ready before it knows the owners, unless they do not come', async () => {
  await shop.instance('login', 'login-a');
  shop.own('login-a', 'login-b');
  const router = await shop.router(2);
  await eventually('HAProxy runs', async () => {
    const { services } = await router.state().catch(() => ({ services: {} as Record<string, unknown> }));
    return services['login'] !== undefined;
  });
  assert.equal(await router.isReady(), false);
  await shop.instance('login', 'login-b');
  await eventually('it is ready', () => router.isReady());
  shop.own('login-a', 'login-b', 'login-nowhere');
  await (await shop.router(3)).untilReady();
});

test('beside another that serves, a router that starts waits longer for the owners', async () => {
  await shop.instance('login', 'login-a');
  shop.own('login-a');
  await shop.readyRouter(2);
  shop.own('login-a', 'login-b');
  const router = await shop.router(3);
  const started = performance.now();
  while (performance.now() - started < 2 * OWNERS_WITHIN) {
    assert.equal(await router.isReady(), false);
    await delay(100);
  }
  await shop.instance('login', 'login-b');
  await eventually('it is ready', () => router.isReady());
});

test('who has kept a connection to the worker before reaches instances that have come since', async () => {
  const leaving = await shop.instance('web', 'web-a');
  const router = await shop.readyRouter(2);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  resources.defer(() => agent.destroy());
  const ask = { host: router.host, agent };
  assert.deepEqual(await request(ask), { status: 200, body: 'web-a' });
  const worker = await router.worker();
  shop.api.set(structureMap({ ...STRUCTURE, generation: 'g-2' }));
  await eventually('another worker is there', async () => (await router.worker()) !== worker);
  await shop.instance('web', 'web-b');
  await eventually('that is seen', async () => 'web-b' in (await servers(router, 'web')));
  shop.gone('web', leaving.name);
  await leaving.crash();
  assert.deepEqual(await request(ask), { status: 200, body: 'web-b' });
});
