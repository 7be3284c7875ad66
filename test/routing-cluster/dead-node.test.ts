import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { afterEach, beforeEach, test } from 'node:test';
import { eventually } from '../support/haproxy.ts';
import type { ClusterRouter } from './cluster-router.ts';
import { FarInstance } from './far-instance.ts';
import { request } from './request.ts';
import { Shop } from './shop.ts';

let shop = new Shop();
let resources = new AsyncDisposableStack();
beforeEach(() => {
  shop = new Shop();
  resources = new AsyncDisposableStack();
});
afterEach(async () => {
  await shop.close();
  await resources.disposeAsync();
});

async function farInstance(name: string, number: number): Promise<FarInstance> {
  const instance = new FarInstance(name, number);
  resources.defer(() => instance.close());
  await instance.start();
  shop.show('login', instance, { host: instance.host });
  return instance;
}

/** A request whose end can be looked at. */
function inFlight(
  { host }: ClusterRouter,
  user: string,
  path: string,
  agent?: Agent,
): { over: string | undefined } {
  const flight: { over: string | undefined } = { over: undefined };
  const headers = { 'x-user': user };
  request({ host, path, headers, ...(agent === undefined ? {} : { agent }) }).then(
    ({ status, body }) => (flight.over = `${status} ${body.trim()}`),
    (error: unknown) => (flight.over = String(error)),
  );
  return flight;
}

async function requestsAt(router: ClusterRouter, name: string): Promise<number> {
  const { services } = await router.state();
  return services['login']?.servers.find((server) => server.name === name)?.requests ?? 0;
}

/** The instance gets all new users from now on. */
async function own(router: ClusterRouter, { name }: FarInstance): Promise<void> {
  const table = shop.own(name);
  await eventually('the table is in force', async () => {
    const { services } = await router.state();
    return services['login']?.epoch === table.epoch;
  });
}

test('requests in flight to a machine that died end soon, those to an instance that is only frozen go on', async () => {
  const router = await shop.readyRouter(2);
  const [frozen, deaf, mute] = [
    await farInstance('login-a', 0),
    await farInstance('login-b', 1),
    await farInstance('login-c', 2),
  ];
  await own(router, frozen);
  const asAlice = { host: router.host, path: '/login', headers: { 'x-user': 'alice' } };
  assert.equal((await request(asAlice)).body, frozen.name);
  const waits = inFlight(router, 'alice', '/login/hold');
  await eventually('alice is heard', async () => (await requestsAt(router, frozen.name)) === 1);
  await own(router, mute);
  const heard = inFlight(router, 'bob', '/login/hold');
  await eventually('bob is heard', async () => (await requestsAt(router, mute.name)) === 1);
  await own(router, deaf);
  // Her connections, to the router and from there on, are kept and used again.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  resources.defer(() => agent.destroy());
  for (const path of ['/login', '/login']) {
    const ask = { host: router.host, path, headers: { 'x-user': 'carol' }, agent };
    assert.equal((await request(ask)).body, deaf.name);
  }
  frozen.signal('SIGSTOP');
  await deaf.die();
  await mute.die();
  const unheard = inFlight(router, 'carol', '/login', agent);
  await eventually('what was never heard is over', () => unheard.over !== undefined);
  await eventually('what was heard and never answered is over', () => heard.over !== undefined);
  assert.equal(waits.over, undefined);
  // Checks have gone unanswered for seconds by now.
  const late = inFlight(router, 'alice', '/login');
  await eventually('she is sent there as ever', async () => (await requestsAt(router, frozen.name)) === 2);
  frozen.signal('SIGCONT');
  frozen.signal('SIGUSR2');
  await eventually(
    'both are answered after all',
    () => waits.over === '200 login-a' && late.over === '200 login-a',
  );
});
