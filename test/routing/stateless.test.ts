import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { afterEach, test } from 'node:test';
import type { BackendSpec, ServerSpec } from '../../src/routing/router-spec.ts';
import { eventually, HOST, TestInstance, TestRouter } from '../support/haproxy.ts';
import type { Layout } from '../support/haproxy.ts';
import { ask, Load } from './load.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

const USERS = Array.from({ length: 20 }, (_, n) => `user-${n}`);

async function instance(name: string): Promise<TestInstance> {
  const made = await new TestInstance(name).start();
  resources.defer(() => made.crash());
  return made;
}

const idOf = (name: string): number => Number(name.split('-')[1]);

function server({ name, port }: TestInstance, state: ServerSpec['state'] = 'ready'): ServerSpec {
  return { name, id: idOf(name), host: HOST, port, state };
}

function backend(service: string, servers: readonly ServerSpec[]): BackendSpec {
  return { service, readyPath: '/ready', servers };
}

async function running(layout: Layout): Promise<TestRouter> {
  const router = await TestRouter.create();
  resources.defer(() => router.close());
  await router.writeFiles(layout, 'first', []);
  await router.start('first');
  return router;
}

const web = (...servers: readonly ServerSpec[]): Layout => ({
  routes: [{ path: '/', service: 'web' }],
  backends: [backend('web', servers)],
});

function loadOn(router: TestRouter): Load {
  const load = new Load(router.port, USERS);
  resources.defer(() => load.end());
  return load;
}

const newServer = ({ name, port }: TestInstance) =>
  ({ name, id: idOf(name), host: HOST, port, stateful: false }) as const;

test('instances come and go under load without a failed request', async () => {
  const [one, two, three] = [await instance('web-1'), await instance('web-2'), await instance('web-3')];
  const router = await running(web(server(one)));
  const load = loadOn(router);
  const goesOn = async (): Promise<void> => {
    const before = load.answered;
    await eventually('load goes on', () => load.answered > before + 300);
  };
  await goesOn();
  for (const added of [two, three]) await router.router.addServer('web', newServer(added));
  await goesOn();
  for (const removed of [one, two]) {
    await router.router.removeServer('web', removed.name, 5_000);
    await removed.crash();
    await goesOn();
  }
  await load.end();
  assert.deepEqual(load.failures, []);
  assert.ok(two.users.size > 0 && three.users.size > 0);
});

test('an instance that is gone without a word costs no request that it has not begun', async () => {
  const [one, two] = [await instance('web-1'), await instance('web-2')];
  const router = await running(web(server(one), server(two)));
  await one.crash();
  for (let n = 0; n < 40; n += 1) assert.equal((await ask(router.port, {})).body, 'web-2');
  await eventually('it is out of rotation', async () => {
    const { backends } = await router.router.observe();
    return backends['web']?.servers.some(({ name, up }) => name === 'web-1' && !up) ?? false;
  });
});

test('a GET that ends without an answer goes to another instance, a POST is executed once and gets 502', async () => {
  const [one, two] = [await instance('web-1'), await instance('web-2')];
  const begun: string[] = [];
  one.answer = (request) => {
    begun.push(request.method ?? '');
    request.resume().once('end', () => request.socket.destroy());
  };
  const router = await running(web(server(one), server(two)));
  const times = (method: string): number => begun.filter((other) => other === method).length;
  await eventually('it has been asked', async () => {
    assert.equal((await ask(router.port, { path: '/a' })).body, 'web-2');
    return times('GET') > 0;
  });
  const post = { method: 'POST', headers: { 'content-length': 0 } };
  let failed = 0;
  await eventually('it has been told', async () => {
    const { status } = await ask(router.port, post);
    if (status === 502) failed += 1;
    else assert.equal(status, 200);
    return failed > 0;
  });
  assert.equal(times('POST'), failed);
});

test('an instance that is not ready gets no requests, and gets some again when it is', async () => {
  const [one, two] = [await instance('web-1'), await instance('web-2')];
  const router = await running(web(server(one), server(two)));
  const sees = (isUp: boolean) => async (): Promise<boolean> => {
    const { backends } = await router.router.observe();
    return backends['web']?.servers.find(({ name }) => name === 'web-1')?.up === isUp;
  };
  one.ready = false;
  await eventually('it is out', sees(false));
  for (let n = 0; n < 10; n += 1) assert.equal((await ask(router.port, {})).body, 'web-2');
  one.ready = true;
  await eventually('it is back', sees(true));
  await eventually('it is asked', async () => (await ask(router.port, {})).body === 'web-1');
});

test('a draining instance gets nothing new, from the command as from the file, until it is ready', async () => {
  const [one, two] = [await instance('web-1'), await instance('web-2')];
  const router = await running(web(server(one, 'drain'), server(two)));
  const answers = async (): Promise<string[]> => {
    const found = new Set<string>();
    for (let n = 0; n < 8; n += 1) found.add((await ask(router.port, {})).body);
    return [...found].toSorted();
  };
  assert.deepEqual(await answers(), ['web-2']);
  await router.router.readyServer('web', 'web-1');
  await eventually('both answer', async () => (await answers()).length === 2);
  await router.router.drainServer('web', 'web-2');
  await router.router.drainServer('web', 'web-2');
  assert.deepEqual(await answers(), ['web-1']);
  const { backends } = await router.router.observe();
  assert.deepEqual(
    backends['web']?.servers.map(({ name, admin }) => [name, admin]),
    [
      ['web-1', 'ready'],
      ['web-2', 'drain'],
    ],
  );
});

test('no instance means 503 with Retry-After', async () => {
  const router = await running(web());
  const answer = await ask(router.port, {});
  assert.equal(answer.status, 503);
  assert.equal(answer.headers['retry-after'], '1');
});

test('a route covers its path and what lies below it, by whole segments; the longest wins', async () => {
  const [login, admin, rest] = [
    await instance('login-1'),
    await instance('admin-1'),
    await instance('web-1'),
  ];
  const backends = [
    backend('login', [server(login)]),
    backend('admin', [server(admin)]),
    backend('web', [server(rest)]),
  ];
  const routes = [
    { path: '/login/admin', service: 'admin' },
    { path: '/login', service: 'login' },
    { path: '/', service: 'web' },
  ];
  const { port } = await running({ routes, backends });
  const expected: Readonly<Record<string, string>> = {
    '/login': 'login-1',
    '/login/': 'login-1',
    '/login/a/b': 'login-1',
    '/login?next=/x': 'login-1',
    '/loginx': 'web-1',
    '/Login': 'web-1',
    '/login/admin': 'admin-1',
    '/login/admin/x': 'admin-1',
    '/login/administrator': 'login-1',
    '/': 'web-1',
    '/x/login': 'web-1',
  };
  for (const [path, body] of Object.entries(expected))
    assert.equal((await ask(port, { path })).body, body, path);
});

test('a path that no route covers gets 404', async () => {
  const login = await instance('login-1');
  const layout: Layout = {
    routes: [{ path: '/login', service: 'login' }],
    backends: [backend('login', [server(login)])],
  };
  const { port } = await running(layout);
  for (const path of ['/', '/loginx', '/log']) assert.equal((await ask(port, { path })).status, 404, path);
  assert.equal((await ask(port, { path: '/login' })).status, 200);
});

test('the instance learns who the client is', async () => {
  const one = await instance('web-1');
  one.answer = (request, response) => response.end(String(request.headers['x-forwarded-for']));
  const { port } = await running(web(server(one)));
  assert.equal((await ask(port, {})).body, HOST);
});

test('while no instance is there requests wait for one, and are refused when none comes', async () => {
  const one = await instance('web-1');
  const { port } = one;
  const router = await running(web(server(one)));
  assert.equal((await ask(router.port, {})).body, 'web-1');
  await one.crash();
  await eventually('it is down', async () => {
    const { backends } = await router.router.observe();
    return backends['web']?.servers.every(({ up }) => !up) === true;
  });
  const refused = await ask(router.port, { method: 'POST' });
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1']);
  const waiting = Array.from({ length: 20 }, (_, n) =>
    ask(router.port, { method: n % 2 === 0 ? 'POST' : 'GET' }),
  );
  await eventually('they are there', async () => {
    const info = await router.runtime.ask('show info');
    return Number(/^CurrConns: (\d+)/m.exec(info)?.[1]) >= waiting.length;
  });
  const again = await new TestInstance('web-1').start(port);
  resources.defer(() => again.crash());
  for (const { status, body } of await Promise.all(waiting)) assert.deepEqual([status, body], [200, 'web-1']);
});

test('only so many requests wait: those beyond are refused at once, and nothing else is harmed', async () => {
  const [gone, other] = [await instance('web-1'), await instance('shop-1')];
  await gone.crash();
  const router = await running({
    routes: [
      { path: '/shop', service: 'shop' },
      { path: '/', service: 'web' },
    ],
    backends: [backend('web', [server(gone)]), backend('shop', [server(other)])],
  });
  await eventually('it is down', async () => {
    const { backends } = await router.router.observe();
    return backends['web']?.servers.every(({ up }) => !up) === true;
  });
  let refused = 0;
  const all = Array.from({ length: 600 }, () => ask(router.port, {}).then(() => (refused += 1)));
  await eventually('a hundred are refused before the others', () => refused >= 100);
  assert.ok(refused < all.length, `${refused} of ${all.length}`);
  assert.equal((await ask(router.port, { path: '/shop' })).body, 'shop-1');
  await Promise.all(all);
});

test('clients who break their connections off while they wait take the place of nobody afterwards', async () => {
  const one = await instance('web-1');
  const { port } = one;
  await one.crash();
  const router = await running(web(server(one)));
  await eventually('it is down', async () => {
    const { backends } = await router.router.observe();
    return backends['web']?.servers.every(({ up }) => !up) === true;
  });
  const sockets = Array.from({ length: 550 }, () => connect(router.port, HOST).on('error', () => undefined));
  resources.defer(() => sockets.forEach((socket) => socket.destroy()));
  for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
  await eventually('they are there', async () => {
    const info = await router.runtime.ask('show info');
    return Number(/^CumReq: (\d+)/m.exec(info)?.[1]) >= sockets.length;
  });
  for (const socket of sockets) socket.resetAndDestroy();
  await eventually('HAProxy has forgotten them', async () => {
    return !(await router.runtime.ask('show sess')).includes(' be=web ');
  });
  const waiting = ask(router.port, {});
  const again = await new TestInstance('web-1').start(port);
  resources.defer(() => again.crash());
  assert.equal((await waiting).body, 'web-1');
});

test("an instance's own terms for its connection are not told to clients, who have another one", async () => {
  const one = await instance('web-1');
  const router = await running(web(server(one)));
  const agent = new Agent({ keepAlive: true });
  resources.defer(() => agent.destroy());
  assert.match(String((await ask(one.port, { agent })).headers['keep-alive']), /^timeout=/);
  const { headers, body } = await ask(router.port, { agent });
  assert.equal(body, 'web-1');
  assert.equal(headers['keep-alive'], undefined);
});
