import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { afterEach, test } from 'node:test';
import { ownerOf, type OwnerTable } from '../../src/routing/owner-table.ts';
import { ownerMap } from '../../src/routing/router-maps.ts';
import { alike } from '../../src/routing/tables/member.ts';
import { steadyTable } from '../../src/routing/tables/steady.ts';
import { eventually, HOST, TestInstance, TestRouter, type Layout } from '../support/haproxy.ts';
import { ask, askAs } from './load.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

const USERS = Array.from({ length: 40 }, (_, n) => `user-${n}`);

const table = (names: readonly string[], previous?: OwnerTable): OwnerTable =>
  steadyTable(previous, 'login', alike(names));

async function running(
  names: readonly string[],
  owners: OwnerTable,
  change = (config: string): string => config,
) {
  const servers = await Promise.all(names.map((name) => new TestInstance(name).start()));
  const router = await TestRouter.create();
  router.change = change;
  resources.defer(async () => {
    await router.close();
    await Promise.all(servers.map((server) => server.crash()));
  });
  const layout: Layout = {
    routes: [{ path: '/', service: 'login' }],
    backends: [
      {
        service: 'login',
        readyPath: '/ready',
        stateful: { key: { kind: 'header', name: 'x-user' }, idleMs: 600_000, pins: false },
        servers: servers.map(({ name, port }, at) => ({
          name,
          id: at + 1,
          host: HOST,
          port,
          state: 'ready',
        })),
      },
    ],
  };
  await router.writeFiles(layout, 'first', [owners]);
  await router.start('first');
  await eventually('all servers are up', async () => {
    const { backends } = await router.router.observe();
    return backends['login']?.servers.every((server) => server.up) ?? false;
  });
  return { router, servers, layout };
}

test('without pins a user follows the table at once', async () => {
  const owners = table(['login-1', 'login-2']);
  const { router } = await running(['login-1', 'login-2', 'login-3'], owners);
  for (const user of USERS) assert.equal((await askAs(router.port, user)).body, ownerOf(owners, user));
  const next = table(['login-2', 'login-3'], owners);
  await router.router.publishTable(next);
  for (const user of USERS) assert.equal((await askAs(router.port, user)).body, ownerOf(next, user));
  assert.equal(await router.router.pinOf('login', 'user-1'), undefined);
  assert.equal(await router.router.pinCount('login', 1), 0);
  assert.equal(await router.router.pinsSurviveReload(), true);
});

test('a table that is being sent, but not in force, changes nothing for anybody', async () => {
  const owners = table(['login-1', 'login-2']);
  const { router } = await running(['login-1', 'login-2'], owners);
  const version = /\d+$/.exec(await router.runtime.ask('prepare map login.map'))?.[0] ?? '';
  const lines = ownerMap({ ...owners, owners: owners.owners.toReversed() }).split('\n');
  for (let at = 0; at < lines.length; at += 400) {
    const payload = lines.slice(at, at + 400).filter((line) => line !== '');
    await router.runtime.tell(`add map @${version} login.map <<\n${payload.join('\n')}\n`);
  }
  for (const user of USERS) assert.equal((await askAs(router.port, user)).body, ownerOf(owners, user));
});

test('without pins another instance gets what an owner takes no connection for, and a server goes when it has none', async () => {
  const owners = table(['login-1', 'login-2']);
  const { router, servers } = await running(['login-1', 'login-2', 'login-3'], owners);
  await servers[0]?.crash();
  for (const user of USERS) {
    const owner = ownerOf(owners, user);
    const { status, body } = await askAs(router.port, user);
    assert.equal(status, 200);
    if (owner === 'login-1') assert.notEqual(body, owner);
    else assert.equal(body, owner);
  }
  assert.equal((await ask(router.port, {})).status, 400);
  await router.router.publishTable(table(['login-2', 'login-3'], owners));
  for (const user of USERS) assert.notEqual((await askAs(router.port, user)).body, 'login-1');
  await router.router.removeServer('login', 'login-1', 1_000);
  const { backends } = await router.router.observe();
  assert.deepEqual(
    backends['login']?.servers.map(({ name }) => name),
    ['login-2', 'login-3'],
  );
});

test('what instances tell each other about a forwarded request is taken off what users send', async () => {
  const { router, servers } = await running(['login-1'], table(['login-1']));
  const seen: string[] = [];
  for (const server of servers) {
    server.answer = (request, response) => {
      seen.push(...Object.keys(request.headers));
      response.end('ok');
    };
  }
  const headers = { 'Holdfast-Forwarded': '7', 'authorization-holdfast': 'Bearer x', 'x-other': 'y' };
  await askAs(router.port, 'ann', { headers });
  assert.ok(seen.includes('x-other'));
  assert.ok(!seen.includes('holdfast-forwarded') && !seen.includes('authorization-holdfast'));
});

/** Who answers each user by their next table, asked on connections made before a reload. */
async function answersOnKept(next: OwnerTable, change?: (config: string) => string): Promise<string[]> {
  const owners = table(['login-1', 'login-2']);
  const { router, layout } = await running(['login-1', 'login-2', 'login-3'], owners, change);
  const clients = USERS.map((user) => ({ user, agent: new Agent({ keepAlive: true, maxSockets: 1 }) }));
  resources.defer(() => clients.forEach(({ agent }) => agent.destroy()));
  await Promise.all(clients.map(({ user, agent }) => askAs(router.port, user, { agent })));
  await router.writeFiles(layout, 'second', [owners]);
  await router.reload('second');
  await router.router.publishTable(next);
  const answers = await Promise.all(clients.map(({ user, agent }) => askAs(router.port, user, { agent })));
  // It is the worker that stops who answers so.
  assert.deepEqual(new Set(answers.map(({ headers }) => headers.connection)), new Set(['close']));
  return answers.map(({ status, body }) => (status === 200 ? body : String(status)));
}

test('a user who has kept a connection to the worker before follows the table that the next one is told', async () => {
  const next = table(['login-2', 'login-3'], table(['login-1', 'login-2']));
  assert.deepEqual(
    await answersOnKept(next),
    USERS.map((user) => ownerOf(next, user)),
  );
});

test('if a worker that stops went by its own table, such a user would go to the owner before', async () => {
  const next = table(['login-2', 'login-3'], table(['login-1', 'login-2']));
  const answers = await answersOnKept(next, (config) =>
    config.replaceAll('{ stopping }', '{ always_false }'),
  );
  assert.ok(answers.includes('login-1'));
});
