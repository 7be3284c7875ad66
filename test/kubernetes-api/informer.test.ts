import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/haproxy.ts';
import { refuse, type FakeApi } from './fake-api.ts';
import { WatchedConfigMaps, watching } from './watched-configmaps.ts';

function lists(api: FakeApi): number {
  return api.asked.filter(({ query }) => query.get('watch') !== 'true').length;
}

function watchVersions(api: FakeApi): (string | null)[] {
  const watches = api.asked.filter(({ query }) => query.get('watch') === 'true');
  return watches.map(({ query }) => query.get('resourceVersion'));
}

function clusterWith(...names: string[]): WatchedConfigMaps {
  const cluster = new WatchedConfigMaps();
  for (const name of names) cluster.put(name);
  return cluster;
}

test('it has what there is when it has synced, and everyone has been told', async (t) => {
  const { cluster, informer } = await watching(t, clusterWith('a', 'b'));
  assert.equal(informer.hasSynced, false);
  await informer.synced;
  assert.deepEqual(cluster.told, ['a', 'b']);
  assert.equal(informer.hasSynced, true);
  assert.equal(informer.get('shop/a')?.kind, 'ConfigMap');
  assert.equal(informer.all().length, 2);
});

test('it follows what happens', async (t) => {
  const { cluster, informer } = await watching(t, clusterWith('a'));
  await eventually('a watch', () => cluster.watches.size === 1);
  cluster.put('b');
  cluster.put('a');
  cluster.remove('b');
  await eventually('all is told', () => cluster.told.length === 4);
  assert.deepEqual(cluster.told, ['a', 'b', 'a', '-b']);
  assert.equal(informer.get('shop/b'), undefined);
  assert.deepEqual(cluster.errors, []);
});

for (const how of ['end', 'destroy'] as const) {
  test(`after a watch came to its ${how} it goes on from the last version, without a list`, async (t) => {
    const { cluster, api } = await watching(t, clusterWith('a'));
    await eventually('a watch', () => cluster.watches.size === 1);
    cluster.put('b');
    cluster.bookmark();
    await eventually('b is told', () => cluster.told.includes('b'));
    cluster.endWatches(how);
    cluster.put('c');
    await eventually('c is told', () => cluster.told.includes('c'));
    assert.deepEqual(cluster.told, ['a', 'b', 'c']);
    assert.equal(lists(api), 1);
    assert.deepEqual(watchVersions(api), ['11', '12']);
  });
}

test('a bookmark moves the version from which the next watch goes on', async (t) => {
  const { cluster, api, informer } = await watching(t, clusterWith('a'));
  await eventually('a watch', () => cluster.watches.size === 1);
  cluster.removeSilently('elsewhere');
  cluster.bookmark();
  cluster.endWatches('end');
  await eventually('another watch', () => cluster.watches.size === 1);
  assert.deepEqual(watchVersions(api), ['11', '12']);
  assert.equal(informer.all().length, 1);
});

test('when its version is no longer kept it lists again, and tells what it missed', async (t) => {
  const { cluster, api } = await watching(t, clusterWith('a', 'b'));
  await eventually('a watch', () => cluster.watches.size === 1);
  cluster.interfere = (asked, response) => {
    if (cluster.watches.size > 0 || asked.query.get('watch') !== 'true') return false;
    cluster.removeSilently('a');
    cluster.put('c');
    cluster.forget();
    cluster.interfere = () => false;
    return cluster.interfere(asked, response);
  };
  cluster.endWatches('destroy');
  await eventually('c is told', () => cluster.told.includes('c'));
  assert.deepEqual(cluster.told, ['a', 'b', '-a', 'c']);
  assert.equal(lists(api), 2);
});

test('a 410 in the middle of a watch, and one instead of it, lead to a list', async (t) => {
  const { cluster, api } = await watching(t, clusterWith('a'));
  await eventually('a watch', () => cluster.watches.size === 1);
  const object = { kind: 'Status', code: 410, reason: 'Expired' };
  cluster.send(`${JSON.stringify({ type: 'ERROR', object })}\n`);
  await eventually('a second list', () => lists(api) === 2);
  let refusals = 1;
  cluster.interfere = (asked, response) => {
    if (asked.query.get('watch') !== 'true' || refusals-- <= 0) return false;
    refuse(response, 410, 'Gone');
    return true;
  };
  cluster.endWatches('destroy');
  await eventually('a third list', () => lists(api) === 3);
  cluster.put('b');
  await eventually('b is told', () => cluster.told.includes('b'));
  assert.deepEqual(cluster.told, ['a', 'b']);
});

test('an event that comes in pieces is one event; one that was cut off is told by the next watch', async (t) => {
  const { cluster } = await watching(t, clusterWith('a'));
  await eventually('a watch', () => cluster.watches.size === 1);
  const metadata = { namespace: 'shop', name: 'ü', resourceVersion: '12' };
  const line = JSON.stringify({ type: 'ADDED', object: { metadata } });
  for (const piece of [line.slice(0, 20), line.slice(20), '\n{"type":"MODI']) cluster.send(piece);
  await eventually('ü is told', () => cluster.told.includes('ü'));
  cluster.endWatches('destroy');
  cluster.put('b');
  cluster.put('b');
  await eventually('b is told', () => cluster.told.includes('b'));
  assert.deepEqual(cluster.told.slice(0, 3), ['a', 'ü', 'b']);
});

for (const garbage of [
  'not json\n',
  '{"type":"ADDED"}\n',
  '{"type":"NEWS","object":{"metadata":{}}}\n',
  '[]\n',
]) {
  test(`garbage in a watch is reported and leads to a list: ${garbage.trim()}`, async (t) => {
    const { cluster, api } = await watching(t, clusterWith('a'));
    await eventually('a watch', () => cluster.watches.size === 1);
    cluster.send(garbage);
    await eventually('a second list', () => lists(api) === 2);
    assert.match(cluster.errors[0] ?? '', /Cannot watch configmaps/);
    assert.deepEqual(cluster.told, ['a']);
  });
}

test('a watch that says nothing for too long is given up for another', async (t) => {
  const { cluster, api } = await watching(t, clusterWith('a'), { silence: 50 });
  await eventually('a third watch', () => watchVersions(api).length >= 3);
  assert.match(cluster.errors[0] ?? '', /silent for 0.05 s/);
  assert.equal(lists(api), 1);
  cluster.put('b');
  await eventually('b is told', () => cluster.told.includes('b'));
});

test('everything is listed and compared now and then, in case an event was lost', async (t) => {
  const { cluster, api } = await watching(t, clusterWith('a', 'b'), { resync: 0 });
  await eventually('a watch', () => cluster.watches.size === 1);
  cluster.removeSilently('a');
  cluster.endWatches('end');
  await eventually('a is known to be gone', () => cluster.told.includes('-a'));
  assert.deepEqual(cluster.told, ['a', 'b', '-a']);
  assert.ok(lists(api) >= 2);
});

test('while nothing works it keeps what it has, says why, and comes back by itself', async (t) => {
  const { cluster, informer } = await watching(t, clusterWith('a'));
  await eventually('a watch', () => cluster.watches.size === 1);
  const before = informer.lastContact;
  cluster.interfere = (_, response) => {
    response.destroy();
    return true;
  };
  cluster.endWatches('destroy');
  await eventually('a few failures', () => cluster.errors.length > 3);
  assert.match(String(informer.problem), /Cannot reach/);
  assert.equal(informer.all().length, 1);
  assert.equal(informer.lastContact, before);
  cluster.put('b');
  cluster.interfere = () => false;
  await eventually('b is told', () => cluster.told.includes('b'));
  assert.equal(informer.problem, undefined);
});

test('a first list that is refused is tried again until it works', async (t) => {
  const cluster = clusterWith('a');
  cluster.interfere = (_, response) => {
    refuse(response, 403, 'Forbidden');
    return true;
  };
  const { informer } = await watching(t, cluster);
  await eventually('a few failures', () => cluster.errors.length > 2);
  assert.match(String(informer.problem), /Cannot list configmaps: .*403 Forbidden/);
  assert.equal(informer.hasSynced, false);
  cluster.interfere = () => false;
  await informer.synced;
  assert.deepEqual(cluster.told, ['a']);
});

test('it ends with its signal, with nothing left open, and whoever waits for it hears of it', async (t) => {
  const cluster = clusterWith('a');
  const { stop, ended, informer } = await watching(t, cluster);
  await eventually('a watch', () => cluster.watches.size === 1);
  stop.abort();
  await ended;
  await eventually('the watch is closed', () => cluster.watches.size === 0);
  await informer.synced;
  const never = clusterWith('a');
  never.interfere = () => true;
  const other = await watching(t, never);
  other.stop.abort(new Error('ended early'));
  await other.ended;
  await assert.rejects(other.informer.synced, /ended early/);
});

test('a server that ends every watch at once is not asked in a hot loop', async (t) => {
  const cluster = clusterWith('a');
  cluster.interfere = (asked, response) => {
    if (asked.query.get('watch') !== 'true') return false;
    response.end();
    return true;
  };
  const { api } = await watching(t, cluster, { delays: { first: 1_000_000, most: 1_000_000 } });
  await eventually('a watch', () => watchVersions(api).length > 0);
  for (let time = 0; time < 20; time++) await api.client.raw('GET', '/version');
  assert.equal(watchVersions(api).length, 1);
});
