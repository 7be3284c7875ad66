import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { ownerOf } from '../../src/routing/owner-table.ts';
import { eventually, type TestInstance } from '../support/haproxy.ts';
import { loopback } from './loopback.ts';
import { request, type Answer } from './request.ts';
import type { ClusterRouter } from './cluster-router.ts';
import { FakeApi, slice } from './fake-api.ts';
import { Shop } from './shop.ts';

let shop = new Shop();
beforeEach(() => {
  shop = new Shop();
});
afterEach(() => shop.close());

const USERS = Array.from({ length: 30 }, (_, n) => `user-${n}`);

const login = (router: ClusterRouter, user: string): Promise<Answer> =>
  request({ host: router.host, path: '/login', headers: { 'x-user': user } });

async function served(router: ClusterRouter, users = USERS): Promise<string[]> {
  return Promise.all(users.map(async (user) => (await login(router, user)).body));
}

/** The router hears that the instance ends, and then that it has gone. */
async function ends(router: ClusterRouter, instance: TestInstance): Promise<void> {
  shop.show('login', instance, { terminating: true });
  await eventually('that is seen', async () => {
    const { services } = await router.state();
    return services['login']?.servers.find(({ name }) => name === instance.name)?.draining === true;
  });
  shop.gone('login', instance.name);
}

/** Waits until a router knows who is pinned where. */
async function knowsPins(router: ClusterRouter, users = USERS): Promise<void> {
  await eventually(`${router.name} knows the pins`, async () => {
    for (const user of users) if ((await router.router.pinOf('login', user)) === undefined) return false;
    return true;
  });
}

test('a user pinned at one router is at the same instance through the other, whatever the table says', async () => {
  await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a');
  const [one, two] = [await shop.readyRouter(2), await shop.readyRouter(3)];
  assert.deepEqual(new Set(await served(one)), new Set(['login-a']));
  await knowsPins(two);
  const table = shop.own('login-b');
  await eventually('both work by the new table', async () => {
    const states = await Promise.all([one.state(), two.state()]);
    return states.every(({ services }) => services['login']?.epoch === table.epoch);
  });
  for (const router of [one, two]) {
    assert.deepEqual(new Set(await served(router)), new Set(['login-a']), router.name);
    assert.equal((await login(router, `new-at-${router.name}`)).body, 'login-b');
  }
});

test('a router that starts has learned all pins when it is ready, and one that starts again as well', async () => {
  await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a');
  const one = await shop.readyRouter(2);
  await served(one);
  shop.own('login-b');
  const two = await shop.readyRouter(3);
  assert.deepEqual(new Set(await served(two)), new Set(['login-a']));
  await one.close();
  shop.api.set(slice('routers', { name: 'router-2', host: loopback(2), ready: false }));
  const again = await shop.readyRouter(2);
  assert.deepEqual(new Set(await served(again)), new Set(['login-a']));
});

test('a HAProxy that is killed is started again, with the pins of the other routers', async () => {
  await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a');
  const [one, two] = [await shop.readyRouter(2), await shop.readyRouter(3)];
  await served(one);
  await knowsPins(two);
  shop.own('login-b');
  const killed = await one.worker();
  process.kill(killed, 'SIGKILL');
  await eventually('it is noticed', async () => !(await one.isReady()));
  await one.untilReady();
  assert.notEqual(await one.worker(), killed);
  assert.deepEqual(new Set(await served(one)), new Set(['login-a']));
});

test('pins to an instance that has gone are freed at every router, also when one hears of it late', async () => {
  const gone = await shop.instance('login', 'login-a');
  const stays = await shop.instance('login', 'login-b');
  shop.own('login-a');
  const late = new FakeApi(shop.api.objects);
  const [one, two] = [await shop.readyRouter(2), await shop.readyRouter(3, { api: late })];
  shop.api.tell();
  late.tell();
  await served(one, ['alice']);
  await knowsPins(two, ['alice']);
  late.away = true;
  shop.own(stays.name);
  await ends(one, gone);
  await eventually(
    'the first one has freed its users',
    async () => (await login(one, 'bob')).body === 'login-b',
  );
  await eventually('and alice', async () => (await login(one, 'alice')).body === 'login-b');
  late.away = false;
  for (const router of [one, two]) {
    await eventually(`alice is served through ${router.name}`, async () => {
      const answer = await login(router, 'alice');
      return answer.status === 200 && answer.body === 'login-b';
    });
  }
});

test('a pin that a router has cleared and is taught again does not count, and is cleared again', async () => {
  const gone = await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a');
  const late = new FakeApi(shop.api.objects);
  const [one, two] = [await shop.readyRouter(2), await shop.readyRouter(3, { api: late })];
  shop.api.tell();
  late.tell();
  await served(two, ['alice']);
  late.away = true;
  shop.own('login-b');
  await ends(one, gone);
  await eventually('it has gone from the first one', async () => {
    const { services } = await one.state();
    return services['login']?.servers.every(({ name }) => name !== gone.name) === true;
  });
  await eventually('the first one is taught again', async () => {
    assert.equal((await login(two, 'alice')).body, 'login-a');
    return (await one.router.pinOf('login', 'alice')) === 'login-a';
  });
  assert.deepEqual(await login(one, 'alice'), { status: 200, body: 'login-b' });
  await served(two, ['bob']);
  await eventually('what he teaches is cleared', async () => {
    return (await one.router.pinOf('login', 'bob')) === undefined;
  });
});

test('a table older than the one in force is not applied, also after HAProxy was killed', async () => {
  await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  const first = shop.own('login-a');
  const second = shop.own('login-a', 'login-b');
  const one = await shop.readyRouter(2);
  shop.publish(first);
  const epoch = async (): Promise<number | undefined> => (await one.state()).services['login']?.epoch;
  await shop.instance('login', 'login-c');
  await eventually('what came later is seen', async () => {
    const { services } = await one.state();
    return services['login']?.servers.some(({ name }) => name === 'login-c') === true;
  });
  assert.equal(await epoch(), second.epoch);
  process.kill(await one.worker(), 'SIGKILL');
  await eventually('it is noticed', async () => !(await one.isReady()));
  await one.untilReady();
  assert.equal(await epoch(), second.epoch);
  for (const user of USERS) assert.equal((await login(one, user)).body, ownerOf(second, user));
});
