/**
 * Instances that do not do what they should, behind a real HAProxy: their own users wait or are told to come again; nobody
 * else notices, and nobody is sent to an instance that has not their session.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer as createHttpServer, type ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { ownerOf, type OwnerTable } from '../../src/routing/owner-table.ts';
import { alike } from '../../src/routing/tables/member.ts';
import { steadyTable } from '../../src/routing/tables/steady.ts';
import { eventually, HOST, TestInstance, TestRouter } from '../support/haproxy.ts';
import { askAs, Load } from './load.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

interface Scene {
  readonly router: TestRouter;
  readonly bad: TestInstance;
  /** Somebody whose instance is the bad one, and those whose is the other. */
  readonly user: string;
  readonly others: readonly string[];
}

/** @param patience how long a check waits for an answer; 10 s in truth */
async function scene(patience = '10s'): Promise<Scene> {
  const bad = await new TestInstance('login-1').start();
  const good = await new TestInstance('login-2').start();
  resources.defer(() => Promise.all([bad.crash(), good.crash()]).then(() => undefined));
  const table: OwnerTable = steadyTable(undefined, 'login', alike([bad.name, good.name]));
  const router = await TestRouter.create();
  resources.defer(() => router.close());
  router.change = (config) => config.replace('timeout check 10s', `timeout check ${patience}`);
  const servers = [bad, good].map(({ name, port }, n) => ({
    name,
    id: n + 1,
    host: HOST,
    port,
    state: 'ready' as const,
  }));
  const stateful = { key: { kind: 'header', name: 'x-user' } as const, idleMs: 600_000 };
  const backends = [{ service: 'login', readyPath: '/ready', stateful, servers }];
  await router.writeFiles({ routes: [{ path: '/', service: 'login' }], backends }, 'first', [table]);
  await router.start('first');
  await isUp(router, true);
  const users = Array.from({ length: 20 }, (_, n) => `user-${n}`);
  const [user] = users.filter((name) => ownerOf(table, name) === bad.name);
  assert.ok(user !== undefined);
  assert.equal((await askAs(router.port, user)).body, bad.name);
  return { router, bad, user, others: users.filter((name) => ownerOf(table, name) === good.name) };
}

async function isUp({ router }: TestRouter, isSo: boolean): Promise<void> {
  await eventually(`the first server is ${isSo ? 'up' : 'down'}`, async () => {
    const { backends } = await router.observe();
    return backends['login']?.servers.find(({ name }) => name === 'login-1')?.up === isSo;
  });
}

/** The others ask all the while; whatever else happens, all of their requests are answered by their instance. */
async function unnoticed({ router, others }: Scene, meanwhile: () => Promise<void>): Promise<void> {
  const load = new Load(router.port, others);
  try {
    await eventually('the others ask', () => load.answered > 50);
    await meanwhile();
    const before = load.answered;
    await eventually('the others go on', () => load.answered > before + 50);
  } finally {
    await load.end();
  }
  assert.deepEqual(load.failures, []);
  assert.deepEqual(new Set([...load.served.values()].flat()), new Set(['login-2']));
}

test('an instance that is not ready for a while: its users get 503, what it has taken is answered, and then it has them again', async () => {
  const here = await scene();
  const { router, bad, user } = here;
  const held: ServerResponse[] = [];
  await unnoticed(here, async () => {
    bad.ready = false;
    bad.answer = (_, response) => void held.push(response);
    const waiting = askAs(router.port, user);
    await eventually('the instance has the request', () => held.length === 1);
    await isUp(router, false);
    const refused = await askAs(router.port, user);
    assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1']);
    assert.equal(held.length, 1, 'no second request reaches it');
    held[0]?.end('late');
    assert.equal((await waiting).body, 'late', 'what it had taken is answered when it answers');
    bad.ready = true;
    bad.answer = (_, response) => void response.end('well again');
    await isUp(router, true);
    assert.equal((await askAs(router.port, user)).body, 'well again');
  });
});

test('an instance that accepts and never answers: its users are told to come again, once that is noticed', async () => {
  const here = await scene('500ms');
  const { router, bad, user } = here;
  await unnoticed(here, async () => {
    const { port } = bad;
    await bad.crash();
    const silent = createServer().listen(port, HOST);
    await once(silent, 'listening');
    const taken: Socket[] = [];
    silent.on('connection', (socket) => void taken.push(socket.on('error', () => undefined).resume()));
    const end = (): void => {
      for (const socket of taken) socket.destroy();
      silent.close();
    };
    resources.defer(end);
    const waiting = askAs(router.port, user);
    await isUp(router, false);
    const refused = await askAs(router.port, user);
    assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1']);
    end();
    assert.ok([502, 503].includes((await waiting).status), 'what it took is not sent to another one');
    const again = await new TestInstance('login-1').start(port);
    resources.defer(() => again.crash());
    await isUp(router, true);
    assert.equal((await askAs(router.port, user)).body, 'login-1');
  });
});

test('an instance that answers slowly keeps its users, who wait; nobody waits for them', async () => {
  const here = await scene();
  const { router, bad, user } = here;
  const held: ServerResponse[] = [];
  bad.answer = (_, response) => void held.push(response);
  const slow = Array.from({ length: 40 }, () => askAs(router.port, user));
  await unnoticed(here, () => eventually('all of them wait', () => held.length === slow.length));
  for (const response of held) response.end('slow');
  for (const answer of await Promise.all(slow)) assert.deepEqual([answer.status, answer.body], [200, 'slow']);
});

test('an instance that restarts between two checks serves its users anew, without anybody being sent elsewhere', async () => {
  const here = await scene();
  const { router, bad, user } = here;
  await unnoticed(here, async () => {
    const { port } = bad;
    await bad.crash();
    const again = await new TestInstance('login-1').start(port);
    resources.defer(() => again.crash());
    await eventually('it is asked again', async () => {
      const { status, body } = await askAs(router.port, user);
      assert.ok(status === 503 || body === 'login-1', `${status} ${body}`);
      return status === 200;
    });
    assert.equal(again.users.get(user), 1, 'it knows nothing of before');
  });
});

test('an instance that breaks off its answer fails that request alone, which is not sent again', async () => {
  const here = await scene();
  const { router, bad, user } = here;
  let asked = 0;
  await unnoticed(here, async () => {
    bad.answer = (request) => {
      asked += 1;
      request.socket.destroy();
    };
    const answer = await askAs(router.port, user, { method: 'POST' });
    assert.equal(answer.status, 502);
    assert.equal(asked, 1);
  });
});

test('an instance that closes a connection in the moment in which it is asked: whoever reads is answered', async () => {
  const here = await scene();
  const { router, bad, user } = here;
  const { port } = bad;
  await bad.crash();
  let closed = 0;
  const asked = new WeakMap<Socket, number>();
  // As a server does that has waited for long enough: the request is there, but it has not looked.
  const server = createHttpServer((request, response) => {
    const before = asked.get(request.socket) ?? 0;
    asked.set(request.socket, before + 1);
    if (request.url === '/ready' || before < 3) response.end('login-1');
    else {
      closed += 1;
      request.socket.destroy();
    }
  }).listen(port, HOST);
  await once(server, 'listening');
  resources.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  await isUp(router, true);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  resources.defer(() => agent.destroy());
  await unnoticed(here, async () => {
    for (let n = 0; n < 40; n += 1) {
      const { status, body } = await askAs(router.port, user, { agent });
      assert.deepEqual([status, body], [200, 'login-1']);
    }
  });
  assert.ok(closed > 5, `${closed} were closed`);
});
