import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alike } from '../../../routing/tables/member.ts';
import { steadyTable } from '../../../routing/tables/steady.ts';
import { EndpointMemory, VANISHED_KEPT, type ToldByHaproxy } from './endpoint-memory.ts';
import { serverId } from './router-plan.ts';
import type { Endpoint, RecalledView, RouterView } from './router-view.ts';

const structure = {
  generation: 'g',
  routes: [],
  backends: [
    {
      service: 'login',
      readyPath: '/',
      stateful: { key: { kind: 'header' as const, name: 'x-user' }, idleMs: 1 },
    },
  ],
};
const FOR_EVER = 1_000_000;

function pod(name: string, about: Partial<Endpoint> = {}): Endpoint {
  const conditions = { ready: true, serving: true, terminating: false };
  return { name, uid: `uid-${name}`, host: `host-of-${name}`, port: 8080, ...conditions, ...about };
}

const ending = { ready: false, terminating: true };

function seen(endpoints: readonly Endpoint[], owners: readonly string[] = []): RouterView {
  const tables = new Map([['login', steadyTable(undefined, 'login', alike(owners))]]);
  return { structure, tables, endpoints: new Map([['login', endpoints]]), peers: [] };
}

/** HAProxy without servers. */
const untold: ToldByHaproxy = { backends: {}, released: new Set() };

/** HAProxy with these pods' servers, all of them down. */
function down(...pods: readonly Endpoint[]): ToldByHaproxy {
  const about = { up: false, admin: 'ready', currentSessions: 0 } as const;
  const servers = pods.map(({ name, uid, host, port }) => {
    return { name, id: serverId(uid), address: host, port, ...about };
  });
  return { backends: { login: { epoch: 1, servers } }, released: new Set() };
}

const names = ({ endpoints }: RecalledView): string[] =>
  (endpoints.get('login') ?? []).map(({ name }) => name).toSorted();

const isFreed = ({ freed }: RecalledView, { uid }: Endpoint): boolean =>
  freed.get('login')?.has(serverId(uid)) === true;

test('an endpoint that vanishes keeps its place for a while, one that was seen to end has gone', () => {
  const memory = new EndpointMemory();
  const [a, b] = [pod('a'), pod('b', ending)];
  memory.recall(seen([a, b]), untold, 0);
  const kept = memory.recall(seen([]), untold, 10);
  assert.deepEqual([names(kept), isFreed(kept, a), isFreed(kept, b)], [['a'], false, true]);
  assert.equal(kept.isUnsettled, true);
  assert.deepEqual(names(memory.recall(seen([]), untold, 9 + VANISHED_KEPT)), ['a']);
  const gone = memory.recall(seen([]), untold, 10 + VANISHED_KEPT);
  assert.deepEqual([names(gone), isFreed(gone, a), gone.isUnsettled], [[], true, false]);
  assert.equal(isFreed(memory.recall(seen([]), untold, FOR_EVER), a), false, 'it is forgotten in the end');
});

test('an endpoint that comes back begins anew', () => {
  const memory = new EndpointMemory();
  const a = pod('a');
  memory.recall(seen([a]), untold, 0);
  memory.recall(seen([]), untold, 1);
  assert.equal(memory.recall(seen([a]), untold, 2).isUnsettled, false);
  memory.recall(seen([]), untold, FOR_EVER);
  assert.deepEqual(names(memory.recall(seen([]), untold, FOR_EVER + VANISHED_KEPT - 1)), ['a']);
});

test('another pod of its name or at its address shows that one that vanished has gone', () => {
  for (const next of [pod('a', { uid: 'another' }), pod('c', { host: 'host-of-a' })]) {
    const memory = new EndpointMemory();
    memory.recall(seen([pod('a')]), untold, 0);
    const after = memory.recall(seen([next]), untold, 1);
    assert.deepEqual([names(after), isFreed(after, pod('a'))], [[next.name], true]);
  }
});

test('one that vanished and is down is not waited for, unless the table names it', () => {
  const a = pod('a');
  const after = (owners: readonly string[]): string[] => {
    const memory = new EndpointMemory();
    memory.recall(seen([a], owners), untold, 0);
    return names(memory.recall(seen([], owners), down(a), 1));
  };
  assert.deepEqual([after(['a']), after(['b'])], [['a'], []]);
});

test('one that ends, is not ready and is down has been given up, for good', () => {
  const memory = new EndpointMemory();
  const a = pod('a', { ...ending, serving: false });
  assert.deepEqual(names(memory.recall(seen([pod('a', ending)]), down(a), 0)), ['a'], 'it drains');
  assert.deepEqual(names(memory.recall(seen([a]), untold, 1)), ['a'], 'it may answer');
  assert.deepEqual(names(memory.recall(seen([pod('a', { serving: false })]), down(a), 2)), ['a']);
  const after = memory.recall(seen([a]), down(a), 3);
  assert.deepEqual([names(after), isFreed(after, a)], [[], true]);
  const later = memory.recall(seen([pod('a', ending)]), untold, FOR_EVER);
  assert.deepEqual([names(later), isFreed(later, a)], [[], true]);
});

test('a released instance stays out as long as it ends', () => {
  const memory = new EndpointMemory();
  const a = pod('a', ending);
  memory.recall(seen([a, pod('b')]), untold, 0);
  memory.release('login', 'a', 1);
  for (const now of [2, FOR_EVER]) {
    const after = memory.recall(seen([a, pod('b')]), untold, now);
    assert.deepEqual([names(after), isFreed(after, a)], [['b'], true]);
  }
});

test('one that is released before it is seen to end stays out, but comes back if it does not end', () => {
  for (const [later, expected] of [
    [pod('a', ending), []],
    [pod('a'), ['a']],
  ] as const) {
    const memory = new EndpointMemory();
    memory.recall(seen([pod('a')]), untold, 0);
    memory.release('login', 'a', 1);
    assert.deepEqual(names(memory.recall(seen([later]), untold, 2)), []);
    assert.deepEqual(names(memory.recall(seen([later]), untold, FOR_EVER)), expected);
  }
});

test('a released instance keeps its users as long as the table names it, whoever has released it', () => {
  for (const isEnding of [true, false])
    for (const told of [untold, letGo(pod('a'))]) {
      const memory = new EndpointMemory();
      const endpoints = [pod('a', isEnding ? ending : {}), pod('b')];
      memory.recall(seen(endpoints, ['a', 'b']), untold, 0);
      if (told === untold) memory.release('login', 'a', 1);
      const before = memory.recall(seen(endpoints, ['a', 'b']), told, 2);
      assert.deepEqual([names(before), isFreed(before, pod('a'))], [['a', 'b'], false]);
      assert.deepEqual([...before.released], [], 'nobody else is told');
      assert.equal(memory.hasReleased('login', 'a', 2), false);
      const after = memory.recall(seen(endpoints, ['b']), told, 3);
      assert.deepEqual([names(after), isFreed(after, pod('a'))], [['b'], true]);
      assert.equal(memory.hasReleased('login', 'a', 3), true);
    }
});

test('one that is released, named by the table and down has gone all the same', () => {
  const memory = new EndpointMemory();
  const a = pod('a', { ...ending, serving: false });
  memory.recall(seen([a], ['a']), untold, 0);
  memory.release('login', 'a', 1);
  assert.deepEqual(names(memory.recall(seen([a], ['a']), down(a), 2)), []);
});

test('what is not known cannot be released, and harms nobody', () => {
  const memory = new EndpointMemory();
  memory.release('login', 'a', 0);
  assert.deepEqual(names(memory.recall(seen([pod('a')]), untold, 1)), ['a']);
});

const letGo = (...pods: readonly Endpoint[]): ToldByHaproxy => ({
  backends: {},
  released: new Set(pods.map(({ uid }) => serverId(uid))),
});

test('whose users another router has let go is given up here too', () => {
  const memory = new EndpointMemory();
  const [a, b] = [pod('a', ending), pod('b', ending)];
  assert.deepEqual(names(memory.recall(seen([a, b]), untold, 0)), ['a', 'b']);
  const after = memory.recall(seen([a, b]), letGo(a), 1);
  assert.deepEqual([names(after), isFreed(after, a)], [['b'], true]);
  assert.deepEqual(names(memory.recall(seen([a, b]), untold, FOR_EVER)), ['b'], 'for good');
});

test('one that is not seen to end and was let go elsewhere comes back after a while, whatever is told on', () => {
  const memory = new EndpointMemory();
  const a = pod('a');
  assert.deepEqual(names(memory.recall(seen([a]), letGo(a), 0)), []);
  assert.deepEqual(names(memory.recall(seen([a]), letGo(a), 9_999)), []);
  assert.deepEqual(names(memory.recall(seen([a]), letGo(a), 10_001)), ['a']);
  assert.deepEqual(names(memory.recall(seen([a]), letGo(a), 10_002)), ['a']);
  assert.deepEqual(names(memory.recall(seen([pod('a', ending)]), letGo(a), 10_003)), []);
});

test('only what was let go here is for the others', () => {
  const memory = new EndpointMemory();
  const [a, b] = [pod('a', ending), pod('b', ending)];
  memory.recall(seen([a, b]), untold, 0);
  memory.release('login', 'a', 1);
  assert.deepEqual([...memory.recall(seen([a, b]), letGo(b), 2).released], [serverId(a.uid)]);
});

test('who waits for a HAProxy that has not started is told that users are let go, for as long as it holds', () => {
  const memory = new EndpointMemory();
  memory.release('login', 'a', 0);
  assert.equal(memory.hasReleased('login', 'a', 0), false, 'it is not known yet');
  memory.recall(seen([pod('a'), pod('b')]), untold, 1);
  memory.release('login', 'a', 2);
  assert.equal(memory.hasReleased('login', 'a', 3), true);
  assert.equal(memory.hasReleased('login', 'b', 3), false);
  assert.equal(memory.hasReleased('login', 'a', FOR_EVER), false, 'it has not ended');
});
