import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { BackendSpec } from '../../src/routing/router-spec.ts';
import { ownerOf } from '../../src/routing/owner-table.ts';
import type { OwnerTable } from '../../src/routing/owner-table.ts';
import { alike } from '../../src/routing/tables/member.ts';
import { steadyTable } from '../../src/routing/tables/steady.ts';
import { eventually, HOST, TestInstance, TestRouter } from '../support/haproxy.ts';
import type { Layout } from '../support/haproxy.ts';
import { ask, askAs, asHeader, Load } from './load.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

const USERS = Array.from({ length: 40 }, (_, n) => `user-${n}`);

async function instance(name: string): Promise<TestInstance> {
  const made = await new TestInstance(name).start();
  resources.defer(() => made.crash());
  return made;
}

async function instances(count: number): Promise<TestInstance[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => instance(`login-${n + 1}`)));
}

const table = (names: readonly string[], previous?: OwnerTable): OwnerTable =>
  steadyTable(previous, 'login', alike(names));

function layout(servers: readonly TestInstance[]): Layout {
  const login: BackendSpec = {
    service: 'login',
    readyPath: '/ready',
    stateful: { key: { kind: 'header', name: 'x-user' }, idleMs: 600_000 },
    servers: servers.map(({ name, port }) => ({ name, id: idOf(name), host: HOST, port, state: 'ready' })),
  };
  return { routes: [{ path: '/', service: 'login' }], backends: [login] };
}

const idOf = (name: string): number => Number(name.split('-')[1]);

async function running(servers: readonly TestInstance[], owners: OwnerTable): Promise<TestRouter> {
  const router = await TestRouter.create();
  resources.defer(() => router.close());
  await router.writeFiles(layout(servers), 'first', [owners]);
  await router.start('first');
  await allUp(router);
  return router;
}

async function allUp(router: TestRouter): Promise<void> {
  await eventually('all servers are up', async () => {
    const { backends } = await router.router.observe();
    return backends['login']?.servers.every((server) => server.up) ?? false;
  });
}

function loadOn(router: TestRouter): Load {
  const load = new Load(router.port, USERS);
  resources.defer(() => load.end());
  return load;
}

const newServer = ({ name, port }: TestInstance) =>
  ({ name, id: idOf(name), host: HOST, port, stateful: true }) as const;

/** A user who belongs to `owner` by the table. */
function userOf(owners: OwnerTable, owner: string): string {
  const user = USERS.find((user) => ownerOf(owners, user) === owner);
  assert.ok(user !== undefined);
  return user;
}

test('every user is served by the owner that the table names', async () => {
  const servers = await instances(3);
  const owners = table(servers.map(({ name }) => name));
  const { port } = await running(servers, owners);
  for (const user of [...USERS, 'zoë', '山田', 'a,b']) {
    assert.equal((await askAs(port, user)).body, ownerOf(owners, user), user);
  }
});

test('adding instances under load fails no request, moves no session and reloads nothing', async () => {
  const [one, two, three] = [await instance('login-1'), await instance('login-2'), await instance('login-3')];
  let owners = table(['login-1']);
  const router = await running([one], owners);
  const pid = await router.runtime.ask('show info');
  const load = loadOn(router);
  await eventually('everybody has a session', () => load.served.size === USERS.length);
  for (const added of [two, three]) {
    await router.router.addServer('login', newServer(added));
    owners = table([...owners.owners, added.name], owners);
    await router.router.publishTable(owners);
    const before = load.answered;
    await eventually('load goes on', () => load.answered > before + 400);
  }
  await load.end();
  assert.deepEqual(load.failures, []);
  assert.ok([...load.served.values()].every((served) => served.length === 1 && served[0] === 'login-1'));
  const worker = (info: string) => /^Pid: .*$/m.exec(info)?.[0];
  assert.equal(worker(await router.runtime.ask('show info')), worker(pid));
  const later = Array.from({ length: 60 }, (_, n) => `later-${n}`);
  for (const user of later) assert.equal((await askAs(router.port, user)).body, ownerOf(owners, user));
});

test('removing an instance under load fails no request: its users follow the table', async () => {
  const servers = await instances(3);
  let owners = table(['login-1', 'login-2', 'login-3']);
  const router = await running(servers, owners);
  const load = loadOn(router);
  await eventually('everybody has a session', () => load.served.size === USERS.length);
  owners = table(['login-1', 'login-3'], owners);
  await router.router.drainServer('login', 'login-2');
  await router.router.publishTable(owners);
  const before = load.answered;
  await eventually('drained users go on', () => load.answered > before + 400);
  const staying = [...load.served.values()].every((served) => served.length === 1);
  await router.router.removeServer('login', 'login-2', 5_000);
  const afterwards = load.answered;
  await eventually('load goes on', () => load.answered > afterwards + 400);
  await load.end();
  assert.deepEqual(load.failures, []);
  assert.ok(staying, 'no user moved before the instance was removed');
  for (const [user, served] of load.served) assert.equal(served.at(-1), ownerOf(owners, user), user);
  const { backends } = await router.router.observe();
  assert.deepEqual(
    backends['login']?.servers.map(({ name }) => name),
    ['login-1', 'login-3'],
  );
});

test('a pinned user stays when the table moves, a new one follows it, and a cleared pin frees', async () => {
  const servers = await instances(2);
  const first = table(['login-1']);
  const { router, port } = await running(servers, first);
  assert.equal((await askAs(port, 'alice')).body, 'login-1');
  await router.publishTable(table(['login-2'], first));
  assert.equal((await askAs(port, 'alice')).body, 'login-1');
  assert.equal((await askAs(port, 'bob')).body, 'login-2');
  assert.equal(await router.pinOf('login', 'alice'), 'login-1');
  assert.equal(await router.pinOf('login', 'bob'), 'login-2');
  assert.equal(await router.pinOf('login', 'carol'), undefined);
  assert.equal(await router.pinCount('login', 1), 1);
  await router.clearPins('login', 1);
  assert.equal(await router.pinCount('login', 1), 0);
  assert.equal(await router.pinCount('login', 2), 1);
  assert.equal((await askAs(port, 'alice')).body, 'login-2');
});

test('a dead owner means 503 with Retry-After for its users only, until they are freed', async () => {
  const servers = await instances(2);
  const owners = table(['login-1', 'login-2']);
  const { router, port } = await running(servers, owners);
  const pinned = userOf(owners, 'login-1');
  const other = userOf(owners, 'login-2');
  assert.equal((await askAs(port, pinned)).body, 'login-1');
  await servers[0]?.crash();
  const fresh = USERS.find((user) => user !== pinned && ownerOf(owners, user) === 'login-1') ?? '';
  for (const user of [pinned, fresh]) {
    const answer = await askAs(port, user);
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '1');
  }
  assert.equal((await askAs(port, other)).status, 200);
  await eventually('the router sees it down', async () => {
    const { backends } = await router.observe();
    return backends['login']?.servers.some(({ name, up }) => name === 'login-1' && !up) ?? false;
  });
  assert.equal((await askAs(port, pinned)).status, 503);
  await router.publishTable(table(['login-2'], owners));
  await router.removeServer('login', 'login-1', 1_000);
  assert.equal((await askAs(port, pinned)).body, 'login-2');
  assert.equal((await askAs(port, fresh)).body, 'login-2');
});

test('an owner that the router does not have, and a slot of nobody, mean 503', async () => {
  const [one] = await instances(1);
  assert.ok(one !== undefined);
  const { router, port } = await running([one], table(['login-9']));
  const unknown = await askAs(port, 'alice');
  assert.equal(unknown.status, 503);
  assert.equal(unknown.headers['retry-after'], '1');
  await router.publishTable(table([], table(['login-9'])));
  assert.equal((await askAs(port, 'alice')).status, 503);
  assert.equal(one.users.size, 0);
});

test('a request that does not name its user exactly once gets 400 and the name of the header', async () => {
  const [one] = await instances(1);
  assert.ok(one !== undefined);
  const { port } = await running([one], table(['login-1']));
  for (const value of [[], [''], ['   '], ['alice', 'bob'], ['alice', 'alice'], ['', 'alice']]) {
    const answer = await ask(port, { headers: value.length === 0 ? {} : { 'x-user': value } });
    assert.equal(answer.status, 400, JSON.stringify(value));
    assert.match(answer.body, /the header "x-user": send it once/);
  }
  assert.equal(one.users.size, 0);
});

test('keys of 8 KB and keys that differ late are told apart', async () => {
  const servers = await instances(2);
  const owners = table(['login-1', 'login-2']);
  const { router, port } = await running(servers, owners);
  const keys = Array.from({ length: 8 }, (_, n) => `${'k'.repeat(8_000)}${n}`);
  for (const key of keys) assert.equal((await askAs(port, key)).body, ownerOf(owners, key));
  assert.equal((await router.pinCount('login', 1)) + (await router.pinCount('login', 2)), keys.length);
});

test('bytes that are no UTF-8 are a key like any other', async () => {
  const servers = await instances(2);
  const { port } = await running(servers, table(['login-1', 'login-2']));
  const first = await ask(port, { headers: { 'x-user': '\u00ff\u00fe' } });
  const second = await ask(port, { headers: { 'x-user': '\u00ff\u00fe' } });
  assert.equal(first.status, 200);
  assert.equal(second.body, first.body);
});

test('a reload under load fails no request and moves no session', async () => {
  const servers = await instances(2);
  const owners = table(['login-1', 'login-2']);
  const router = await running(servers, owners);
  const load = loadOn(router);
  await eventually('everybody has a session', () => load.served.size === USERS.length);
  await eventually('a reload keeps pins', () => router.router.pinsSurviveReload());
  await router.writeFiles(layout(servers), 'second', [owners]);
  await router.reload('second');
  const before = load.answered;
  await eventually('load goes on', () => load.answered > before + 400);
  await load.end();
  assert.deepEqual(load.failures, []);
  for (const [user, served] of load.served) assert.deepEqual(served, [ownerOf(owners, user)]);
});

test('a reload hands the pins to the new worker', async () => {
  const servers = await instances(2);
  const first = table(['login-1']);
  const router = await running(servers, first);
  for (const user of USERS) await askAs(router.port, user);
  assert.equal(await router.router.pinsSurviveReload(), false);
  await eventually('a reload keeps pins', () => router.router.pinsSurviveReload());
  await router.writeFiles(layout(servers), 'second', [table(['login-2'], first)]);
  await router.reload('second');
  assert.equal(await router.router.epoch('login'), 2);
  await eventually(
    'the pins came over',
    async () => (await router.router.pinCount('login', 1)) === USERS.length,
  );
  for (const user of USERS) assert.equal((await askAs(router.port, user)).body, 'login-1');
  assert.equal((await askAs(router.port, 'somebody new')).body, 'login-2');
});

test('a request in flight at a reload is answered', async () => {
  const [one] = await instances(1);
  assert.ok(one !== undefined);
  const router = await running([one], table(['login-1']));
  let finish = (): void => {};
  one.answer = (_request, response) => {
    finish = () => response.end('slow');
  };
  const answer = askAs(router.port, 'alice');
  await eventually('the request is there', async () => {
    const { backends } = await router.router.observe();
    return backends['login']?.servers[0]?.currentSessions === 1;
  });
  await router.writeFiles(layout([one]), 'second', []);
  await router.reload('second');
  finish();
  assert.equal((await answer).body, 'slow');
});

test('HAProxy killed and started from its files serves at once, by the table in the files', async () => {
  const servers = await instances(2);
  const owners = table(['login-1', 'login-2']);
  const router = await running(servers, owners);
  await askAs(router.port, 'alice');
  await router.kill();
  await assert.rejects(askAs(router.port, 'alice'));
  await router.start('first');
  for (const user of USERS) assert.equal((await askAs(router.port, user)).body, ownerOf(owners, user));
  assert.equal(await router.router.epoch('login'), owners.epoch);
});

test('an instance at a new address is found there', async () => {
  const [one] = await instances(1);
  assert.ok(one !== undefined);
  const router = await running([one], table(['login-1']));
  assert.equal((await askAs(router.port, 'alice')).status, 200);
  const reborn = await instance('login-1');
  await one.crash();
  await router.router.addServer('login', newServer(reborn));
  await router.router.clearPins('login', 1);
  await allUp(router);
  const answer = await askAs(router.port, 'alice');
  assert.equal(answer.body, 'login-1');
  assert.equal(reborn.users.get(asHeader('alice')), 1);
});
