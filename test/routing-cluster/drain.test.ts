import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { createServer } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { serveDrain } from '../../src/platform/kubernetes/drain/drain-server.ts';
import { TOKEN_HEADER } from '../../src/routing/router-state.ts';
import { eventually, HOST } from '../support/haproxy.ts';
import { TOKEN, type ClusterRouter } from './cluster-router.ts';
import { loopback } from './loopback.ts';
import { KeepAliveLoad, request } from './request.ts';
import { ServiceAddress } from './service-address.ts';
import { Shop } from './shop.ts';

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

/** The pod's address, where its hook asks. */
const POD = loopback(20);

interface Sidecar {
  readonly lines: string[];
  /** Asks as the kubelet does: answered when the instance may end. */
  drain(): Promise<number>;
}

async function sidecar(routers: string, drain = 60_000, host = POD): Promise<Sidecar> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-drain-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, TOKEN);
  const over = new AbortController();
  const lines: string[] = [];
  const settings = { service: 'login', instance: 'login-a', routers, tokenFile, host, drain };
  const served = serveDrain(settings, (text) => lines.push(text), over.signal);
  resources.defer(async () => {
    over.abort();
    await served;
  });
  await eventually(
    'it lives',
    async () => (await fetch(`http://${host}:9000/live`).catch(() => undefined))?.ok === true,
  );
  return { lines, drain: async () => (await fetch(`http://${host}:9000/drain`)).status };
}

const said = ({ lines }: Sidecar, pattern: RegExp): boolean => lines.some((line) => pattern.test(line));

const login = (router: ClusterRouter, user: string): Promise<{ body: string }> =>
  request({ host: router.host, path: '/login', headers: { 'x-user': user } });

async function knowsPin(router: ClusterRouter, user: string): Promise<void> {
  await eventually(
    `${router.name} knows the pin of ${user}`,
    async () => (await router.router.pinOf('login', user)) !== undefined,
  );
}

test('an instance may end when the table does not name it and its users are gone', async () => {
  shop.idleMs = 4_000;
  const leaving = await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a');
  const router = await shop.readyRouter(2);
  const pod = await sidecar(router.host);
  assert.equal((await login(router, 'alice')).body, 'login-a');
  const drained = pod.drain();
  await eventually('new ones may come', () => said(pod, /1 user, and new ones may come/));
  shop.show('login', leaving, { terminating: true });
  shop.own('login-b');
  await eventually('one is left', () => said(pod, /2: 1 user$/));
  assert.equal((await login(router, 'alice')).body, 'login-a');
  assert.equal(await drained, 200);
  assert.equal((await login(router, 'alice')).body, 'login-b');
});

test('every router has to agree, and one that does not serve yet has not', async () => {
  await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a', 'login-b');
  const router = await shop.readyRouter(2);
  const pod = await sidecar(router.host);
  const drained = pod.drain();
  await eventually('it waits', () => said(pod, /0 users, and new ones may come/));
  await router.close();
  await eventually('no answer is not a yes', () => said(pod, /does not answer/));
  shop.own('login-b');
  const again = await shop.router(2);
  await again.untilReady();
  assert.equal(await drained, 200);
});

test('without routers the application is being removed: the instance may end', async () => {
  const pod = await sidecar('routers.invalid');
  assert.equal(await pod.drain(), 200);
});

test('who asks and goes away leaves nothing behind, and asks again', async () => {
  const pod = await sidecar(loopback(2));
  const leaves = new AbortController();
  const asked = fetch(`http://${POD}:9000/drain`, { signal: leaves.signal }).catch(() => 'gone');
  await eventually('it waits', () => said(pod, /does not answer/));
  leaves.abort();
  assert.equal(await asked, 'gone');
  await shop.instance('login', 'login-b');
  shop.own('login-b');
  await shop.readyRouter(2);
  assert.equal(await pod.drain(), 200);
});

test('when the drain time is over users are let go at every router, before the instance ends', async () => {
  const leaving = await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a');
  const routers = [await shop.readyRouter(2), await shop.readyRouter(3)];
  const worker = await routers[0]?.worker();
  const address = await new ServiceAddress(routers.map(({ host }) => host)).start();
  resources.defer(() => address.close());
  const users = Array.from({ length: 10 }, (_, n) => `user-${n}`);
  // Each request on a connection of its own: through one router or the other.
  const clients = new KeepAliveLoad(
    { host: HOST, port: address.port, path: '/login', reconnects: true },
    users,
  );
  resources.defer(() => clients.end());
  await eventually('everybody has a session', () => clients.served.size === users.length);
  const pods = await Promise.all(routers.map((router, n) => sidecar(router.host, 1_000, loopback(20 + n))));
  shop.show('login', leaving, { terminating: true });
  const { epoch } = shop.own('login-b');
  for (const router of routers)
    await eventually('it is closed', async () => (await router.state()).services['login']?.epoch === epoch);
  const answers = await Promise.all(pods.map((pod) => pod.drain()));
  assert.deepEqual(answers, [200, 200]);
  await leaving.crash();
  for (const pod of pods) assert.ok(said(pod, /all users have been let go/), pod.lines.join());
  const answered = clients.answered;
  await eventually('the load goes on', () => clients.answered > answered + 300);
  await clients.end();
  assert.deepEqual(clients.failures, []);
  assert.ok([...clients.served.values()].every((by) => by[0] === 'login-a' && by.at(-1) === 'login-b'));
  for (const router of routers) {
    await eventually('it has no place, though its endpoint is still listed', async () => {
      const { services } = await router.state();
      return services['login']?.servers.map(({ name }) => name).join() === 'login-b';
    });
  }
  assert.equal(await routers[0]?.worker(), worker);
});

test('users stay where they are until the table names others, though the drain time is over', async () => {
  const leaving = await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a');
  const routers = [await shop.readyRouter(2), await shop.readyRouter(3)];
  const loads = routers.map(({ host }) => new KeepAliveLoad({ host, path: '/login' }, [`user of ${host}`]));
  for (const load of loads) resources.defer(() => load.end());
  const goOn = async (): Promise<void> => {
    const before = loads.map(({ answered }) => answered);
    await eventually('the load goes on', () =>
      loads.every(({ answered }, n) => answered > (before[n] ?? 0) + 5),
    );
  };
  const release = async ({ host }: ClusterRouter): Promise<number> => {
    const url = `http://${host}:8081/instances/login/login-a/release`;
    return (await fetch(url, { method: 'POST', headers: { [TOKEN_HEADER]: TOKEN } })).status;
  };
  await goOn();
  shop.show('login', leaving, { terminating: true });
  assert.deepEqual(await Promise.all(routers.map(release)), [503, 503]);
  await goOn();
  shop.own('login-b');
  for (const router of routers)
    await eventually('they are let go', async () => (await release(router)) === 200);
  await leaving.crash();
  await goOn();
  for (const load of loads) {
    await load.end();
    assert.deepEqual(load.failures, []);
    assert.deepEqual([...load.served.values()], [['login-a', 'login-b']]);
  }
});

test('who was let go is also let go by a worker that stops, whose connections clients have kept', async () => {
  const leaving = await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a');
  const router = await shop.readyRouter(2);
  const users = ['alice', 'bob', 'carol'];
  const kept = users.map((user) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    resources.defer(() => agent.destroy());
    return { host: router.host, path: '/login', headers: { 'x-user': user }, agent };
  });
  for (const ask of kept) assert.equal((await request(ask)).body, 'login-a');
  const worker = await router.worker();
  // Another router, which it is to know, makes it reload.
  await shop.readyRouter(3);
  assert.notEqual(await router.worker(), worker);
  shop.show('login', leaving, { terminating: true });
  const { epoch } = shop.own('login-b');
  await eventually('it is closed', async () => (await router.state()).services['login']?.epoch === epoch);
  const pod = await sidecar(router.host, 200);
  assert.equal(await pod.drain(), 200);
  assert.ok(said(pod, /all users have been let go/));
  await leaving.crash();
  for (const ask of kept) assert.deepEqual(await request(ask), { status: 200, body: 'login-b' });
});

test('a router that nobody could ask hears from the others that users were let go, also one that starts then', async () => {
  const leaving = await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a');
  const [asked, other] = [await shop.readyRouter(2), await shop.readyRouter(3)];
  const pod = await sidecar(asked.host, 200);
  await login(other, 'alice');
  await knowsPin(asked, 'alice');
  shop.show('login', leaving, { terminating: true });
  const { epoch } = shop.own('login-b');
  for (const router of [asked, other])
    await eventually('it is closed', async () => (await router.state()).services['login']?.epoch === epoch);
  assert.equal((await login(other, 'alice')).body, 'login-a');
  assert.equal(await pod.drain(), 200);
  // Its endpoint is listed as before.
  await leaving.crash();
  for (const router of [other, asked])
    await eventually(
      `alice is let go at ${router.name}`,
      async () => (await login(router, 'alice')).body === 'login-b',
    );
  const late = await shop.readyRouter(4);
  await eventually('it gives the instance no place', async () => {
    const { services } = await late.state();
    return services['login']?.servers.map(({ name }) => name).join() === 'login-b';
  });
});

test('a router that does not answer holds the end back for ten seconds at most', async () => {
  const silent = createServer();
  silent.listen(8081, loopback(2));
  await once(silent, 'listening');
  resources.defer(() => {
    silent.close();
  });
  const pod = await sidecar(loopback(2), 200);
  assert.equal(await pod.drain(), 200);
  assert.ok(said(pod, new RegExp(`ends although these have not let the users go: ${loopback(2)}`)));
});

test('nobody waits for a router where nothing listens: it learns from the others when it starts', async () => {
  const pod = await sidecar(loopback(2), 200);
  assert.equal(await pod.drain(), 200);
  assert.ok(said(pod, /all users have been let go/));
});
