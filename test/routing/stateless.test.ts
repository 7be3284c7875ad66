import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { BackendSpec, ServerSpec } from '../../src/routing/haproxy-config.ts';
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
