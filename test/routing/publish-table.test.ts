import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import * as fc from 'fast-check';
import { HaproxyRouter } from '../../src/routing/haproxy-router.ts';
import { movedSlots, ownerOfSlot, SLOTS, type OwnerTable } from '../../src/routing/owner-table.ts';
import { changesFile, EPOCH_ENTRY, mapFile } from '../../src/routing/router-maps.ts';
import { alike } from '../../src/routing/tables/member.ts';
import { steadyTable } from '../../src/routing/tables/steady.ts';
import { TestRouter, type Layout } from '../support/haproxy.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

const layout: Layout = {
  routes: [],
  backends: [
    {
      service: 'login',
      readyPath: '/ready',
      stateful: { key: { kind: 'header', name: 'x-user' }, idleMs: 600_000, pins: false },
      servers: [],
    },
  ],
};

async function running(table: OwnerTable): Promise<TestRouter> {
  const router = await TestRouter.create();
  resources.defer(() => router.close());
  await router.writeFiles(layout, 'first', [table]);
  await router.start('first');
  return router;
}

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `login-${n + 1}`);
const first = steadyTable(undefined, 'login', alike(names(10)));

/** The next table, in which some slots have another owner. */
function withMoved(table: OwnerTable, slots: readonly number[], owner: number): OwnerTable {
  const next = table.slots.slice();
  for (const slot of slots) next[slot] = owner;
  return { ...table, epoch: table.epoch + 1, slots: next };
}

/** The owners that HAProxy works by, from both of its maps. */
async function ownersIn(router: TestRouter): Promise<Map<number, string>> {
  const owners = new Map<number, string>();
  for (const map of [mapFile('login'), changesFile('login')]) {
    const { versions = '' } =
      /curr_ver=(?<versions>\d+)/.exec(
        (await router.runtime.ask('show map')).split('\n').find((line) => line.includes(`(${map})`)) ?? '',
      )?.groups ?? {};
    for (const line of (await router.runtime.ask(`show map @${versions} ${map}`)).split('\n')) {
      for (const [slot, owner] of entriesOf(line)) owners.set(slot, owner);
    }
  }
  return owners;
}

/** Slots and their owner, from a line of `show map`. */
function entriesOf(line: string): [number, string][] {
  const [, upper = 0, middle = 0, lower = 0] = / 0\.(\d+)\.(\d+)\.(\d+)/.exec(line)?.map(Number) ?? [];
  const [, bits = 32, owner] = /(?:\/(\d+))? ([a-z-]\S*)$/.exec(line) ?? [];
  if (owner === undefined || line.includes(EPOCH_ENTRY)) return [];
  const first = upper * 65_536 + middle * 256 + lower;
  return Array.from({ length: 2 ** (32 - Number(bits)) }, (_, n) => [first + n, owner]);
}

async function assertInForce(router: TestRouter, table: OwnerTable): Promise<void> {
  const found = await ownersIn(router);
  for (let slot = 0; slot < SLOTS; slot += 1)
    assert.equal(found.get(slot) ?? '-', ownerOfSlot(table, slot) ?? '-', `slot ${slot}`);
  assert.equal(await router.router.epoch('login'), table.epoch);
  assert.equal((await router.router.observe()).backends['login']?.epoch, table.epoch);
}

/** How many entries the map of changes has, the epoch's included. */
async function changesSent(router: TestRouter): Promise<number> {
  const line = /\(login\.changes\).* entry_cnt=(\d+)/.exec(await router.runtime.ask('show map'));
  return Number(line?.[1]);
}

test('after any history of changes HAProxy has exactly the last table', async () => {
  const router = await running(first);
  const change = fc.record({
    slots: fc.array(fc.nat(SLOTS - 1), { maxLength: 30 }),
    owner: fc.nat(9),
    isLarge: fc.boolean(),
    isForgotten: fc.boolean(),
  });
  let table = first;
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      for (const { slots, owner, isLarge, isForgotten } of changes) {
        const more = isLarge ? Array.from({ length: 3_000 }, (_, n) => (n * 17 + owner) % SLOTS) : [];
        table = withMoved(table, [...slots, ...more], owner);
        const publisher = isForgotten ? new HaproxyRouter(router.runtime) : router.router;
        await publisher.publishTable(table);
      }
      await assertInForce(router, table);
    }),
    { numRuns: 6 },
  );
});

test('few changes are sent alone, also by the second one and after a restart', async () => {
  const router = await running(first);
  const base = withMoved(first, [1, 2], 3);
  await router.router.publishTable(base);
  assert.equal(await changesSent(router), 0, 'all is sent to a HAProxy that is not known');
  const second = withMoved(base, [2, 9], 4);
  const third = withMoved(second, [9], first.slots[9] ?? 0);
  await router.router.publishTable(second);
  await router.router.publishTable(third);
  assert.equal(await changesSent(router), 1 + movedSlots(base, third));
  await assertInForce(router, third);
  await router.writeFiles(layout, 'first', [third]);
  await router.kill();
  await router.start('first');
  await assertInForce(router, third);
  const fourth = withMoved(third, [77], 1);
  await router.router.publishTable(fourth);
  assert.equal(await changesSent(router), 1 + movedSlots(third, fourth));
  await assertInForce(router, fourth);
});

test('a HAProxy that was restarted from an older table gets the new one', async () => {
  const router = await running(first);
  const second = withMoved(first, [1, 2], 3);
  await router.router.publishTable(second);
  await router.router.publishTable(withMoved(second, [5], 3));
  await router.kill();
  await router.start('first');
  assert.equal(await router.router.epoch('login'), 1);
  const fourth = withMoved(withMoved(second, [5], 3), [1], 6);
  await router.router.publishTable(fourth);
  await assertInForce(router, fourth);
});

test('changes to a map that is no longer there do not count as in force, and are made good', async () => {
  const router = await running(first);
  const second = withMoved(first, [1, 2], 3);
  await router.router.publishTable(second);
  // As a publisher that was frozen before its last command would.
  const prepared = /\d+$/.exec(await router.runtime.ask('prepare map login.map'))?.[0] ?? '';
  const other = withMoved(second, [1], 5);
  await router.runtime.tell(`add map @${prepared} login.map <<\n${EPOCH_ENTRY} 1\n`);
  const third = withMoved(other, [1], 8);
  await router.router.publishTable({ ...third, epoch: 3 });
  await router.runtime.tell(`add map @${prepared} login.map <<\n${EPOCH_ENTRY} 2\n0.0.0.1 login-6\n`);
  await router.runtime.tell(`commit map @${prepared} login.map`);
  assert.equal(await router.router.epoch('login'), 1);
  await router.router.publishTable({ ...third, epoch: 4 });
  await assertInForce(router, { ...third, epoch: 4 });
});
