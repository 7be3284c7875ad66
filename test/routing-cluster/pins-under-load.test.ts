/**
 * Users whose pins differ from the owner table, at full speed, while routers come, go and are killed: a HAProxy
 * takes requests before it has learned all pins, and sends nobody to another instance meanwhile.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { eventually } from '../support/haproxy.ts';
import type { ClusterRouter } from './cluster-router.ts';
import { KeepAliveLoad, request } from './request.ts';
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

const names = (what: string): string[] => Array.from({ length: 75 }, (_, n) => `${what}-${n}`);
const KEPT = names('kept');
const RECONNECTING = names('reconnecting');
const USERS = [...KEPT, ...RECONNECTING];

/** Two routers that have everybody pinned to `login-a` while the table names `login-b`. */
async function movedRouters(): Promise<[ClusterRouter, ClusterRouter]> {
  await shop.instance('login', 'login-a');
  await shop.instance('login', 'login-b');
  shop.own('login-a');
  const [one, two] = [await shop.readyRouter(2), await shop.readyRouter(3)];
  for (const user of USERS) await request({ host: one.host, path: '/login', headers: { 'x-user': user } });
  const { epoch } = shop.own('login-b');
  for (const router of [one, two]) {
    await eventually(`${router.name} has all pins and the new table`, async () => {
      const { pins, services } = await router.state();
      return pins === USERS.length && services['login']?.epoch === epoch;
    });
  }
  return [one, two];
}

function loadOn({ host }: ClusterRouter): KeepAliveLoad[] {
  const loads = [
    new KeepAliveLoad({ host, path: '/login' }, KEPT),
    new KeepAliveLoad({ host, path: '/login', reconnects: true }, RECONNECTING),
  ];
  for (const load of loads) resources.defer(() => load.end());
  return loads;
}

async function goesOn(loads: readonly KeepAliveLoad[]): Promise<void> {
  const answered = loads.map((load) => load.answered);
  await eventually('load goes on', () => loads.every((load, n) => load.answered > (answered[n] ?? 0) + 20));
}

/** Ends the load. Every answer came from where the session is. */
async function neverMoved(loads: readonly KeepAliveLoad[]): Promise<void> {
  for (const load of loads) await load.end();
  for (const { served } of loads)
    assert.deepEqual(new Set([...served.values()].flat()), new Set(['login-a']));
}

const failures = (loads: readonly KeepAliveLoad[]): string[] => loads.flatMap(({ failures }) => failures);

test('a router comes and another one goes: no pinned user is sent to another instance', async () => {
  const [one, two] = await movedRouters();
  const loads = loadOn(one);
  await goesOn(loads);
  const worker = await one.worker();
  const three = await shop.readyRouter(4);
  await eventually('the first one has reloaded', async () => (await one.worker()) !== worker);
  await two.close();
  shop.gone('routers', two.name);
  const others = loadOn(three);
  await goesOn([...loads, ...others]);
  await neverMoved([...loads, ...others]);
  assert.deepEqual(failures([...loads, ...others]), []);
});

test('a HAProxy that is killed and started again sends no pinned user to another instance', async () => {
  const [one] = await movedRouters();
  const loads = loadOn(one);
  await goesOn(loads);
  const killed = await one.worker();
  process.kill(killed, 'SIGKILL');
  await eventually(
    'another one works',
    async () => ![killed, NaN].includes(await one.worker().catch(() => NaN)),
  );
  await goesOn(loads);
  await one.untilReady();
  await neverMoved(loads);
  assert.ok(
    failures(loads).every((failure) => /ECONN|hang up/.test(failure)),
    failures(loads)[0],
  );
});
