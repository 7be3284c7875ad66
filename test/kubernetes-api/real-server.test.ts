import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { KubeConnection } from '../../src/platform/kubernetes/api/connection.ts';
import { Informer } from '../../src/platform/kubernetes/api/informer.ts';
import { KubeClient } from '../../src/platform/kubernetes/api/kube-client.ts';
import { alreadyExists, isConflict, isForbidden } from '../../src/platform/kubernetes/api/kube-error.ts';
import { keyOf, RESOURCE_TYPES, type KubeObject } from '../../src/platform/kubernetes/api/kube-object.ts';
import { kubeconfigConnection } from '../../src/platform/kubernetes/api/kubeconfig.ts';
import { lead } from '../../src/platform/kubernetes/api/leader-election.ts';
import type { Lease } from '../../src/platform/kubernetes/api/lease.ts';
import { until } from '../cluster/until.ts';
import { buildImages, startCluster, type TestCluster } from '../kubernetes/support/cluster.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const namespace = `api-${randomBytes(4).toString('hex')}`;
/** Long, for a machine that does much else; ms. */
const REACTION = 60_000;
let cluster: TestCluster;
let connection: KubeConnection;
let client: KubeClient;

before(async () => {
  cluster = await startCluster({ nodes: 1, images: await buildImages() });
  connection = await kubeconfigConnection({ env: { KUBECONFIG: cluster.kubeconfig } });
  client = new KubeClient(connection, { userAgent: 'holdfast/test', manager: 'holdfast' });
  await client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});

after(async () => {
  await client?.remove(RESOURCE_TYPES.Namespace, { name: namespace });
  client?.close();
  await cluster?.end();
});

function eventually(what: string, isSo: () => boolean): Promise<void> {
  return until(what, REACTION, () => Promise.resolve(isSo()));
}

function configMap(name: string, data: Record<string, string>, resourceVersion?: string): ConfigMap {
  const version = resourceVersion === undefined ? {} : { resourceVersion };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name, ...version }, data };
}

function versionOf({ metadata }: KubeObject): string {
  return metadata.resourceVersion ?? assert.fail('no version');
}

test('every type but our own is known to the API server as we write it', async () => {
  const { App: _, ...types } = RESOURCE_TYPES;
  for (const { apiVersion, kind, plural, namespaced } of Object.values(types)) {
    const path = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`;
    const { body } = await client.raw('GET', path);
    const { resources } = JSON.parse(body.toString()) as { resources: { name: string }[] };
    const found = resources.find(({ name }) => name === plural);
    assert.partialDeepStrictEqual(found, { name: plural, kind, namespaced });
  }
});

test('apply makes, changes, takes over and removes fields; a version is a precondition', async () => {
  const first = await client.apply(configMap('applied', { mine: '1', gone: '1' }));
  await client.mergePatch(RESOURCE_TYPES.ConfigMap, first.metadata, {
    data: { theirs: '1', mine: 'changed' },
  });
  const second = await client.apply(configMap('applied', { mine: '2' }));
  assert.deepEqual(second.data, { mine: '2', theirs: '1' });
  assert.equal(Object.hasOwn(second.metadata, 'managedFields'), false);
  await assert.rejects(client.apply(configMap('applied', { mine: '3' }, versionOf(first))), isConflict);
  const third = await client.apply(configMap('applied', { mine: '3' }, versionOf(second)));
  assert.deepEqual(third.data, { mine: '3', theirs: '1' });
  const again = await client.apply(configMap('applied', { mine: '3' }));
  assert.equal(versionOf(again), versionOf(third));
});

test('a dry run is checked and changes nothing', async () => {
  await client.apply(configMap('dry', { a: '1' }), { dryRun: true });
  await client.create(configMap('dry', { a: '1' }), { dryRun: true });
  assert.equal(await client.get(RESOURCE_TYPES.ConfigMap, { namespace, name: 'dry' }), undefined);
});

test('create, replace and remove keep to their preconditions', async () => {
  const first = await client.create(configMap('kept', { a: '1' }));
  await assert.rejects(client.create(configMap('kept', { a: '2' })), alreadyExists);
  const second = await client.replace(configMap('kept', { a: '2' }, versionOf(first)));
  await assert.rejects(client.replace(configMap('kept', { a: '3' }, versionOf(first))), isConflict);
  const remove = (options: object): Promise<void> =>
    client.remove(RESOURCE_TYPES.ConfigMap, first.metadata, options);
  await assert.rejects(remove({ uid: 'another' }), isConflict);
  await assert.rejects(remove({ resourceVersion: versionOf(first) }), isConflict);
  await remove({ uid: first.metadata.uid, resourceVersion: versionOf(second) });
  await remove({});
});

test('what the API server says of a Secret that is wrong is not repeated', async () => {
  const secret = { ...configMap('wrong', { key: 'geheim!' }), kind: 'Secret' };
  for (const attempt of [() => client.apply(secret), () => client.create(secret)])
    await assert.rejects(attempt, (error: Error) => !error.message.includes('geheim'));
});

test('who lacks a right is told which', async () => {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await client.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name: 'nobody' } });
  const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} });
  const headers = { 'content-type': 'application/json' };
  const answer = await client.raw('POST', `${path}/nobody/token`, { headers, body });
  const { status } = JSON.parse(answer.body.toString()) as { status: { token: string } };
  const asNobody: KubeConnection = { ...connection, credentials: () => Promise.resolve(status) };
  const nobody = new KubeClient(asNobody, { userAgent: 'holdfast/test', manager: 'holdfast' });
  await assert.rejects(nobody.list(RESOURCE_TYPES.Secret, { namespace }), (error) => {
    assert.ok(isForbidden(error));
    assert.match(error.message, /serviceaccount:api-.*:nobody" cannot list resource "secrets"/);
    return true;
  });
  nobody.close();
});

test('an informer has exactly what the API server has, also after that was away', async (t) => {
  const informer = new Informer<ConfigMap>(client, {
    type: RESOURCE_TYPES.ConfigMap,
    namespace,
    labelSelector: 'watched=yes',
    random: Math.random,
    onError: () => undefined,
    pace: { delays: { first: 100, most: 1_000 } },
  });
  const told: string[] = [];
  informer.onChange((key, object) => told.push(`${key}=${object?.data?.['n'] ?? 'gone'}`));
  const stop = new AbortController();
  const ended = informer.start(stop.signal);
  t.after(async () => {
    stop.abort();
    await ended;
  });
  await informer.synced;
  const put = (name: string, n: string): Promise<ConfigMap> => {
    const object = configMap(name, { n });
    return client.apply({ ...object, metadata: { ...object.metadata, labels: { watched: 'yes' } } });
  };
  const one = { namespace, name: 'one' };
  await put('one', '1');
  await put('one', '2');
  await client.apply(configMap('unwatched', { n: '0' }));
  await put('two', '1');
  await client.remove(RESOURCE_TYPES.ConfigMap, one);
  const wanted = ['one=1', 'one=2', 'two=1', 'one=gone'].map((change) => `${namespace}/${change}`);
  await eventually('all is told', () => told.length >= wanted.length);
  assert.deepEqual(told, wanted);
  if (!cluster.isOwn) return;
  await cluster.stopApiServer();
  await eventually('it has noticed', () => informer.problem !== undefined);
  assert.equal(informer.all().length, 1);
  await cluster.startApiServer();
  await put('three', '1');
  await eventually('it is told', () => informer.get(keyOf({ namespace, name: 'three' })) !== undefined);
  assert.deepEqual(told, [...wanted, `${namespace}/three=1`]);
});

test('a list of several pages is whole', async () => {
  const many = `${namespace}-many`;
  await client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: many } });
  const names = Array.from({ length: 520 }, (_, index) => `c${String(index)}`);
  try {
    for (let from = 0; from < names.length; from += 50) {
      const some = names.slice(from, from + 50);
      await Promise.all(
        some.map((name) =>
          client.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: many, name } }),
        ),
      );
    }
    const { items } = await client.list(RESOURCE_TYPES.ConfigMap, { namespace: many });
    const found = items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('c'));
    assert.deepEqual(found.sort(), names.sort());
  } finally {
    await client.remove(RESOURCE_TYPES.Namespace, { name: many });
  }
});

test('leadership goes from one to the next by a real Lease', async () => {
  const lease = { namespace, name: 'leader' };
  const terms: string[] = [];
  const stops = ['first', 'second'].map((identity) => {
    const stop = new AbortController();
    const options = { ...lease, identity, random: Math.random, onError: assert.ifError };
    const ended = lead(
      client,
      options,
      (signal) => {
        terms.push(identity);
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      },
      stop.signal,
    );
    return { identity, stop, ended };
  });
  await eventually('one leads', () => terms.length === 1);
  const leader = stops.find(({ identity }) => identity === terms[0]) ?? assert.fail();
  const held = await client.get<Lease>(RESOURCE_TYPES.Lease, lease);
  assert.equal(held?.spec?.holderIdentity, leader.identity);
  leader.stop.abort();
  await leader.ended;
  await eventually('the other leads', () => terms.length === 2);
  assert.notEqual(terms[0], terms[1]);
  for (const { stop, ended } of stops) {
    stop.abort();
    await ended;
  }
  const released = await client.get<Lease>(RESOURCE_TYPES.Lease, lease);
  assert.equal(released?.spec?.holderIdentity, '');
});
