import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouterState } from '../../routing/router-state.ts';
import { ConfirmedRouters } from './confirmed-routers.ts';
import type { Pod } from './observe/kinds.ts';
import type { ExpectedRouting } from './observe/routing-lack.ts';

const expected = (structure: string): ExpectedRouting => ({ structure, services: {} });

function router(name: string, { restarts = 0, readySince = 'noon' } = {}): Pod {
  const conditions = [{ type: 'Ready', status: 'True' as const, lastTransitionTime: readySince }];
  const containerStatuses = [{ name: 'router', ready: true, restartCount: restarts }];
  const metadata = { name, uid: `uid-${name}` };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: {}, status: { conditions, containerStatuses } };
}

/** A question about routers that all work by `generation`, and who was asked. */
function asking(
  confirmed: ConfirmedRouters,
  app = 'team/shop',
): (structure: string, routers: readonly Pod[], generation?: string) => Promise<[string[], string[]]> {
  return async (structure, routers, generation = structure) => {
    const asked: string[] = [];
    const state: RouterState = { ready: true, generation, peers: [], pins: 0, services: {} };
    const ask = ({ metadata }: Pod): Promise<RouterState> => {
      asked.push(metadata.name);
      return Promise.resolve(state);
    };
    return [await confirmed.lacks({ app, routers, expected: expected(structure), ask }), asked];
  };
}

test('a router is asked until it works as expected, and then no more', async () => {
  const ask = asking(new ConfirmedRouters());
  const lack = ['a does not have the routes in force yet'];
  assert.deepEqual(await ask('two', [router('a')], 'one'), [lack, ['a']]);
  assert.deepEqual(await ask('two', [router('a')], 'one'), [lack, ['a']]);
  assert.deepEqual(await ask('two', [router('a')]), [[], ['a']]);
  assert.deepEqual(await ask('two', [router('a')]), [[], []]);
});

test('routers are asked again when they have to work by something else', async () => {
  const ask = asking(new ConfirmedRouters());
  await ask('one', [router('a'), router('b')]);
  assert.deepEqual(await ask('two', [router('a'), router('b')]), [[], ['a', 'b']]);
});

test('only routers that are new, were started again or were not ready in between are asked', async () => {
  const ask = asking(new ConfirmedRouters());
  await ask('one', [router('a'), router('b'), router('c')]);
  const now = [router('a'), router('b', { restarts: 1 }), router('c', { readySince: 'later' }), router('d')];
  assert.deepEqual(await ask('one', now), [[], ['b', 'c', 'd']]);
});

test('applications are told apart, and one that is gone is forgotten', async () => {
  const confirmed = new ConfirmedRouters();
  await asking(confirmed)('one', [router('a')]);
  assert.deepEqual(await asking(confirmed, 'team/other')('one', [router('a')]), [[], ['a']]);
  confirmed.forget('team/shop');
  assert.deepEqual(await asking(confirmed)('one', [router('a')]), [[], ['a']]);
});

test('pauses are short at first, grow up to a bound, and are short again after everything was right', async () => {
  const confirmed = new ConfirmedRouters();
  const ask = asking(confirmed);
  const pauses: number[] = [];
  for (let n = 0; n < 60; n += 1) {
    await ask('two', [router('a')], 'one');
    pauses.push(confirmed.pause('team/shop'));
  }
  assert.deepEqual([pauses[0], pauses[39], pauses.at(-1)], [150, 150, 5_000]);
  assert.deepEqual(
    pauses,
    pauses.toSorted((a, b) => a - b),
  );
  await ask('two', [router('a')]);
  assert.equal(confirmed.pause('team/shop'), 150);
});
