/**
 * Users who go through two routers at once, while the owner table changes. With both routers told, no instance runs a
 * request of a user that it does not own. A router that misses a table is found out: that is the checker's negative control.
 */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { OwnerTable } from '../../src/routing/owner-table.ts';
import { alike } from '../../src/routing/tables/member.ts';
import { steadyTable } from '../../src/routing/tables/steady.ts';
import { eventually, HOST, TestInstance, TestRouter } from '../support/haproxy.ts';
import { askAs } from './load.ts';
import { ownerConflicts, type Published, type Run } from './one-owner-checker.ts';

const NAMES = ['login-1', 'login-2', 'login-3'];
const USERS = Array.from({ length: 30 }, (_, n) => `user-${n}`);

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

/** Instances that keep a log of what they run. */
async function loggingInstances(log: Run[]): Promise<TestInstance[]> {
  return Promise.all(
    NAMES.map(async (name) => {
      const instance = await new TestInstance(name).start();
      resources.defer(() => instance.crash());
      instance.answer = (request, response) => {
        const began = performance.now();
        const [user, at] = [String(request.headers['x-user']), request.url ?? ''];
        response.end(name);
        log.push({ instance: name, user, request: at, began, ended: performance.now() });
      };
      return instance;
    }),
  );
}

async function routerTo(instances: readonly TestInstance[], table: OwnerTable): Promise<TestRouter> {
  const router = await TestRouter.create();
  resources.defer(() => router.close());
  const servers = instances.map(({ name, port }, n) => ({
    name,
    id: n + 1,
    host: HOST,
    port,
    state: 'ready' as const,
  }));
  const stateful = { key: { kind: 'header', name: 'x-user' } as const, idleMs: 600_000, pins: false };
  const backends = [{ service: 'login', readyPath: '/ready', stateful, servers }];
  await router.writeFiles({ routes: [{ path: '/', service: 'login' }], backends }, 'first', [table]);
  await router.start('first');
  await eventually('all servers are up', async () => {
    const found = await router.router.observe();
    return found.backends['login']?.servers.every(({ up }) => up) ?? false;
  });
  return router;
}

interface Scene {
  readonly routers: readonly TestRouter[];
  readonly runs: readonly Run[];
  readonly tables: Published[];
  /** The last request of each user. */
  readonly onTheirWay: ReadonlyMap<string, Promise<unknown>>;
  /** Waits until so many more requests were run. */
  more(count: number): Promise<void>;
  end(): Promise<void>;
}

async function underLoad(): Promise<Scene> {
  const runs: Run[] = [];
  const instances = await loggingInstances(runs);
  const table = steadyTable(undefined, 'login', alike(NAMES.slice(0, 2)));
  const routers = [await routerTo(instances, table), await routerTo(instances, table)];
  const over = new AbortController();
  const onTheirWay = new Map<string, Promise<unknown>>();
  const goOn = async (user: string): Promise<void> => {
    for (let n = 0; !over.signal.aborted; n += 1) {
      const port = routers[n % routers.length]?.port ?? 0;
      const asked = askAs(port, user, { path: `/${user}/${n}` });
      onTheirWay.set(user, asked);
      await asked;
    }
  };
  const users = Promise.all(USERS.map(goOn));
  const end = async (): Promise<void> => {
    over.abort();
    await users;
  };
  resources.defer(end);
  const more = async (count: number): Promise<void> => {
    const wanted = runs.length + count;
    await eventually(`${count} more requests`, () => runs.length >= wanted);
  };
  await more(300);
  return { routers, runs, tables: [{ table, began: -Infinity, inForce: -Infinity }], onTheirWay, more, end };
}

/** Publishes the table for so many instances at these routers, which are said to be all of them. */
async function publish(
  { tables, onTheirWay }: Scene,
  count: number,
  routers: readonly TestRouter[],
): Promise<void> {
  const before = tables.at(-1)?.table;
  const table = steadyTable(before, 'login', alike(NAMES.slice(0, count)));
  const began = performance.now();
  await Promise.all(routers.map(({ router }) => router.publishTable(table)));
  // What was routed before may be on its way to its instance still.
  await Promise.all(onTheirWay.values());
  tables.push({ table, began, inForce: performance.now() });
}

test('while the table changes, every request is run by an instance that owns its user', async () => {
  const scene = await underLoad();
  for (const count of [3, 1, 2, 3]) {
    await publish(scene, count, scene.routers);
    await scene.more(300);
  }
  await scene.end();
  assert.deepEqual(ownerConflicts(scene.runs, scene.tables), []);
});

test('a router that misses a table is caught by what the instances have run', async () => {
  const scene = await underLoad();
  const [one] = scene.routers;
  assert.ok(one !== undefined);
  await publish(scene, 3, [one]);
  await scene.more(600);
  await scene.end();
  const conflicts = ownerConflicts(scene.runs, scene.tables);
  assert.ok(
    conflicts.some((conflict) => conflict.endsWith('who did not own it')),
    JSON.stringify(conflicts.slice(0, 5)),
  );
});

const owned = steadyTable(undefined, 'login', alike(['login-1']));
const since = [{ table: owned, began: 0, inForce: 0 }];
const run: Run = { instance: 'login-1', user: 'ann', request: '1', began: 10, ended: 20 };

test('the checker sees a request that is run twice, two owners at once, and somebody who is no owner', () => {
  assert.deepEqual(ownerConflicts([run], since), []);
  assert.deepEqual(ownerConflicts([run, { ...run, began: 30, ended: 31 }], since), [
    '1 of ann was run by login-1, a second time',
  ]);
  const moved = steadyTable(owned, 'login', alike(['login-2']));
  const tables = [...since, { table: moved, began: 15, inForce: 18 }];
  const other = { ...run, instance: 'login-2', request: '2' };
  assert.deepEqual(ownerConflicts([run, { ...other, began: 16 }], tables), [
    '2 of ann was run by login-2 while login-1 ran 1',
  ]);
  assert.deepEqual(ownerConflicts([run, { ...other, began: 21, ended: 22 }], tables), []);
  assert.deepEqual(ownerConflicts([{ ...run, began: 19 }], tables), [
    '1 of ann was run by login-1, who did not own it',
  ]);
  assert.deepEqual(ownerConflicts([{ ...other, began: 1, ended: 9 }], tables), [
    '2 of ann was run by login-2, who did not own it',
  ]);
});
