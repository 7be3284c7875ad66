/** Users that each kind of key names reach their owners, and stay there when the table changes. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { UserKey } from '../../src/app/model.ts';
import { ownerOf, type OwnerTable } from '../../src/routing/owner-table.ts';
import { alike } from '../../src/routing/tables/member.ts';
import { steadyTable } from '../../src/routing/tables/steady.ts';
import { eventually, HOST, TestInstance, TestRouter } from '../support/haproxy.ts';
import { ask, type Ask } from './load.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

const NAMES = ['login-1', 'login-2', 'login-3'];
const OWNERS = steadyTable(undefined, 'login', alike(NAMES));
/** The same table with every slot at the next instance. */
const TURNED: OwnerTable = { ...OWNERS, epoch: 2, slots: OWNERS.slots.map((owner) => (owner + 1) % 3) };

async function routerBy(key: UserKey): Promise<TestRouter> {
  const servers = await Promise.all(NAMES.map((name) => new TestInstance(name).start()));
  for (const server of servers) resources.defer(() => server.crash());
  const router = await TestRouter.create();
  resources.defer(() => router.close());
  const backend = {
    service: 'login',
    readyPath: '/ready',
    stateful: { key, idleMs: 600_000 },
    servers: servers.map(({ name, port }, n) => ({
      name,
      id: n + 1,
      host: HOST,
      port,
      state: 'ready' as const,
    })),
  };
  await router.writeFiles({ routes: [{ path: '/', service: 'login' }], backends: [backend] }, 'first', [
    OWNERS,
  ]);
  await router.start('first');
  await eventually('all servers are up', async () => {
    const { backends } = await router.router.observe();
    return backends['login']?.servers.every((server) => server.up) ?? false;
  });
  return router;
}

const USERS = Array.from({ length: 20 }, (_, n) => `user-${n}`);

const KINDS: readonly (readonly [key: UserKey, request: (user: string) => Ask, word: RegExp])[] = [
  [
    { kind: 'cookie', name: 'sid', assign: false },
    (user) => ({ headers: { cookie: `a=b; sid=${user}` } }),
    /the cookie "sid"/,
  ],
  [{ kind: 'query', name: 'user' }, (user) => ({ path: `/?a=b&user=${user}` }), /the parameter "user"/],
  [{ kind: 'path', segment: 2 }, (user) => ({ path: `/users/${user}/orders` }), /segment 2 of the path/],
];

for (const [key, request, word] of KINDS) {
  test(`users named by a ${key.kind} reach their owners and keep them; others get 400`, async () => {
    const router = await routerBy(key);
    const served = async (user: string): Promise<string> => (await ask(router.port, request(user))).body;
    for (const user of USERS) assert.equal(await served(user), ownerOf(OWNERS, user));
    await router.router.publishTable(TURNED);
    for (const user of USERS) assert.equal(await served(user), ownerOf(OWNERS, user));
    assert.equal(await served('somebody-new'), ownerOf(TURNED, 'somebody-new'));
    const refused = await ask(router.port, {});
    assert.equal(refused.status, 400);
    assert.match(refused.body, word);
  });
}

test('who gets a cookie from the router meets the same instance from the first request on', async () => {
  const router = await routerBy({ kind: 'cookie', name: 'sid', assign: true });
  const visitors = await Promise.all(USERS.map(() => ask(router.port, {})));
  await router.router.publishTable(TURNED);
  for (const { body, headers } of visitors) {
    const cookie = /^sid=[^;]+/.exec(headers['set-cookie']?.[0] ?? '')?.[0] ?? '';
    assert.equal(body, ownerOf(OWNERS, cookie.slice(4)));
    const again = await ask(router.port, { headers: { cookie } });
    assert.equal(again.body, body);
    assert.equal(again.headers['set-cookie'], undefined);
  }
  assert.ok(new Set(visitors.map(({ body }) => body)).size > 1);
});
