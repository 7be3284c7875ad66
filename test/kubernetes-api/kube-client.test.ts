import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeClient } from '../../src/platform/kubernetes/api/kube-client.ts';
import {
  alreadyExists,
  isConflict,
  isForbidden,
  isGone,
  KubeApiError,
  KubeUnreachable,
} from '../../src/platform/kubernetes/api/kube-error.ts';
import { RESOURCE_TYPES } from '../../src/platform/kubernetes/api/kube-object.ts';
import { configMap, fakeApi, json, listOf, refuse } from './fake-api.ts';

const ref = { namespace: 'shop', name: 'a' };
const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: ref, data: { x: '1' } };

/** What a promise is rejected with. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail('it was accepted'),
    (error: unknown) => error,
  );
}

test('apply sends the object under our name, by force, without bookkeeping, and conditionally', async (t) => {
  const api = await fakeApi(t, (_, response) => json(response, configMap('a', '2')));
  const metadata = { ...ref, resourceVersion: '1', managedFields: [{ manager: 'other' }] };
  await api.client.apply({ ...object, metadata }, { dryRun: true });
  const [asked] = api.asked;
  assert.equal(asked?.method, 'PATCH');
  assert.equal(asked.path, '/api/v1/namespaces/shop/configmaps/a');
  assert.equal(asked.headers['content-type'], 'application/apply-patch+yaml');
  assert.deepEqual(Object.fromEntries(asked.query), {
    fieldManager: 'holdfast',
    dryRun: 'All',
    force: 'true',
  });
  assert.deepEqual(JSON.parse(asked.body), { ...object, metadata: { ...ref, resourceVersion: '1' } });
});

test('objects come without managedFields', async (t) => {
  const metadata = { ...ref, managedFields: [{}] };
  const api = await fakeApi(t, (asked, response) =>
    json(response, asked.path.endsWith('/a') ? { metadata } : listOf('1', [{ metadata }])),
  );
  assert.deepEqual((await api.client.get(RESOURCE_TYPES.ConfigMap, ref))?.metadata, ref);
  const { items } = await api.client.list(RESOURCE_TYPES.ConfigMap);
  assert.deepEqual(items, [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: ref }]);
});

test('an object that is not there is undefined; a type that is not there is an error', async (t) => {
  const api = await fakeApi(t, (asked, response) => {
    if (asked.path.includes('/api/v1/')) refuse(response, 404, 'NotFound');
    else response.writeHead(404).end('404 page not found\n');
  });
  assert.equal(await api.client.get(RESOURCE_TYPES.ConfigMap, ref), undefined);
  await assert.rejects(
    api.client.get(RESOURCE_TYPES.App, ref),
    /Cannot read App shop\/a: .*type of resource/,
  );
});

test('refusals are told apart, and say what was attempted', async (t) => {
  const codes: [number, string][] = [];
  const api = await fakeApi(t, (_, response) => refuse(response, ...(codes.shift() ?? [500, 'None'])));
  const refused = async (code: number, reason: string): Promise<unknown> => {
    codes.push([code, reason]);
    return failure(api.client.replace(object));
  };
  const conflict = await refused(409, 'Conflict');
  assert.ok(isConflict(conflict));
  assert.equal(conflict.message, 'Cannot replace ConfigMap shop/a: it is Conflict (409 Conflict)');
  assert.equal(alreadyExists(conflict), false);
  assert.ok(alreadyExists(await refused(409, 'AlreadyExists')));
  assert.ok(isForbidden(await refused(403, 'Forbidden')));
  assert.ok(isGone(await refused(410, 'Expired')));
  assert.equal(api.asked.length, 4);
});

test('what the API server says about an invalid Secret is not repeated', async (t) => {
  const api = await fakeApi(t, (_, response) => {
    const details = { causes: [{ field: 'data.key', message: 'geheim' }] };
    json(
      response,
      { kind: 'Status', code: 422, reason: 'Invalid', message: 'geheim is wrong', details },
      422,
    );
  });
  const error = await failure(api.client.create({ ...object, kind: 'Secret' }));
  assert.ok(error instanceof KubeApiError);
  assert.match(error.message, /Secret shop\/a: wrong are data\.key/);
  assert.doesNotMatch(error.message, /geheim/);
});

test('a token that is refused is replaced once', async (t) => {
  const given: string[] = [];
  const api = await fakeApi(
    t,
    (asked, response) => {
      given.push(asked.headers.authorization ?? '');
      if (asked.headers.authorization === 'Bearer new') json(response, configMap('a', '1'));
      else refuse(response, 401, 'Unauthorized');
    },
    (fresh) => Promise.resolve({ token: fresh === true ? 'new' : 'old' }),
  );
  await api.client.get(RESOURCE_TYPES.ConfigMap, ref);
  for await (const _ of api.client.stream('/api/v1/namespaces/shop/configmaps/a')) continue;
  assert.deepEqual(given, ['Bearer old', 'Bearer new', 'Bearer old', 'Bearer new']);
});

test('a token that stays refused is an error', async (t) => {
  const api = await fakeApi(t, (_, response) => refuse(response, 401, 'Unauthorized'));
  await assert.rejects(api.client.get(RESOURCE_TYPES.ConfigMap, ref), /401 Unauthorized/);
  assert.equal(api.asked.length, 2);
});

test('a read whose connection is cut is done once more; a write is not', async (t) => {
  let cuts = 1;
  const api = await fakeApi(t, (_, response) => {
    if (cuts-- > 0) response.destroy();
    else json(response, configMap('a', '1'));
  });
  assert.equal((await api.client.get(RESOURCE_TYPES.ConfigMap, ref))?.metadata.name, 'a');
  cuts = 2;
  await assert.rejects(api.client.get(RESOURCE_TYPES.ConfigMap, ref), KubeUnreachable);
  cuts = 1;
  await assert.rejects(api.client.apply(object), KubeUnreachable);
  assert.deepEqual(
    api.asked.map(({ method }) => method),
    ['GET', 'GET', 'GET', 'GET', 'PATCH'],
  );
});

test('an answer that is cut in the middle is no answer', async (t) => {
  const api = await fakeApi(t, (_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"metadata":', () => response.destroy());
  });
  await assert.rejects(api.client.apply(object), KubeUnreachable);
});

test('an answer that is not JSON is no answer', async (t) => {
  const api = await fakeApi(
    t,
    (_, response) => void response.writeHead(200).end('<html>Please log in</html>'),
  );
  await assert.rejects(api.client.get(RESOURCE_TYPES.ConfigMap, ref), /not a JSON object/);
  await assert.rejects(api.client.list(RESOURCE_TYPES.ConfigMap), /not a list/);
});

test('a server that asks for patience gets it', async (t) => {
  let busy = 2;
  const api = await fakeApi(t, (_, response) => {
    if (busy-- > 0) refuse(response, 429, 'TooManyRequests', { 'retry-after': '0' });
    else json(response, configMap('a', '1'));
  });
  await api.client.apply(object);
  assert.equal(api.asked.length, 3);
});

test('patience with a server is bounded, and ends with the signal', async (t) => {
  let after = '0';
  const api = await fakeApi(t, (_, response) =>
    refuse(response, 429, 'TooManyRequests', { 'retry-after': after }),
  );
  await assert.rejects(api.client.apply(object), /429/);
  assert.equal(api.asked.length, 5);
  after = '3600';
  const stop = new AbortController();
  const pending = api.client.apply(object, { signal: stop.signal });
  stop.abort(new Error('enough'));
  await assert.rejects(pending, /enough/);
});

test('an eviction that a disruption budget forbids is told at once', async (t) => {
  const statuses = [201, 429, 404];
  const api = await fakeApi(t, (_, response) =>
    json(response, { kind: 'Status' }, statuses.shift() ?? 500, { 'retry-after': '10' }),
  );
  const pod = { ...ref, uid: 'u1' };
  assert.equal(await api.client.evict(pod), 'evicted');
  assert.equal(await api.client.evict(pod), 'refused');
  assert.equal(await api.client.evict(pod), 'gone');
  const [first] = api.asked;
  assert.equal(first?.path, '/api/v1/namespaces/shop/pods/a/eviction');
  const body = JSON.parse(first.body) as { deleteOptions?: unknown };
  assert.deepEqual(body.deleteOptions, { preconditions: { uid: 'u1' } });
  await assert.rejects(api.client.evict(pod), KubeApiError);
});

test('a server that does not answer is given up after the timeout', async (t) => {
  const api = await fakeApi(t, () => undefined);
  await assert.rejects(
    api.client.raw('GET', '/version', { timeoutMs: 20 }),
    /did not answer \/version within 0.02 s/,
  );
});

test('a server that answers drop by drop is given up after the timeout', async (t) => {
  const api = await fakeApi(t, (_, response) => {
    response.writeHead(200);
    const drops = setInterval(() => response.write('x'), 2);
    response.once('close', () => clearInterval(drops));
  });
  await assert.rejects(api.client.raw('GET', '/version', { timeoutMs: 30 }), KubeUnreachable);
});

test('an aborted request rejects with the reason, whether before it began or under way', async (t) => {
  const stop = new AbortController();
  const api = await fakeApi(t, () => stop.abort(new Error('no longer needed')));
  await assert.rejects(api.client.get(RESOURCE_TYPES.ConfigMap, ref, stop.signal), /no longer needed/);
  await assert.rejects(api.client.get(RESOURCE_TYPES.ConfigMap, ref, stop.signal), /no longer needed/);
});

test('a list is read in pages', async (t) => {
  const api = await fakeApi(t, (asked, response) =>
    json(
      response,
      asked.query.has('continue')
        ? listOf('7', [configMap('b', '2')])
        : listOf('7', [configMap('a', '1')], 'more'),
    ),
  );
  const selector = { namespace: 'shop', labelSelector: 'a=b', fieldSelector: 'metadata.name!=c' };
  const { items, resourceVersion } = await api.client.list(RESOURCE_TYPES.ConfigMap, selector);
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ['a', 'b'],
  );
  assert.equal(resourceVersion, '7');
  for (const { query } of api.asked) assert.equal(query.get('labelSelector'), 'a=b');
});

test('a list whose version ends between two pages is read again from the start, once each', async (t) => {
  const api = await fakeApi(t, (asked, response) => {
    if (asked.query.has('continue')) refuse(response, 410, 'Expired');
    else if (asked.query.has('limit')) json(response, listOf('7', [configMap('a', '1')], 'more'));
    else json(response, listOf('9', [configMap('a', '1'), configMap('b', '8')]));
  });
  const { items, resourceVersion } = await api.client.list(RESOURCE_TYPES.ConfigMap);
  assert.deepEqual([items.length, resourceVersion], [2, '9']);
});

test('deleting what is not there is fine; preconditions are sent', async (t) => {
  const statuses: [number, string][] = [
    [404, 'NotFound'],
    [409, 'Conflict'],
  ];
  const api = await fakeApi(t, (_, response) => refuse(response, ...(statuses.shift() ?? [500, 'None'])));
  await api.client.remove(RESOURCE_TYPES.ConfigMap, ref);
  const options = { uid: 'u1', resourceVersion: '3', gracePeriodSeconds: 0 };
  await assert.rejects(api.client.remove(RESOURCE_TYPES.ConfigMap, ref, options), isConflict);
  assert.deepEqual(JSON.parse(api.asked[1]?.body ?? ''), {
    propagationPolicy: 'Background',
    gracePeriodSeconds: 0,
    preconditions: { uid: 'u1', resourceVersion: '3' },
  });
});

test('one connection carries request after request', async (t) => {
  const api = await fakeApi(t, (_, response) => json(response, configMap('a', '1')));
  for (let time = 0; time < 20; time++) await api.client.get(RESOURCE_TYPES.ConfigMap, ref);
  assert.equal(api.connections(), 1);
});

test('a stream gives what comes as it comes, and rejects when it is cut', async (t) => {
  const more = Promise.withResolvers<void>();
  const api = await fakeApi(t, async (_, response) => {
    response.writeHead(200).write('first');
    await more.promise;
    response.write('second', () => response.destroy());
  });
  const got: string[] = [];
  const reading = (async () => {
    for await (const chunk of api.client.stream('/log')) {
      got.push(String(chunk));
      more.resolve();
    }
  })();
  await assert.rejects(reading, KubeUnreachable);
  assert.deepEqual(got, ['first', 'second']);
});

test('who leaves a stream ends its connection', async (t) => {
  const closed = Promise.withResolvers<void>();
  const api = await fakeApi(t, (_, response) => {
    response.once('close', () => closed.resolve());
    response.writeHead(200).write('first');
  });
  for await (const _ of api.client.stream('/log')) break;
  await closed.promise;
});

test('a server that nobody can reach is named', async (t) => {
  const api = await fakeApi(t, () => undefined);
  const connection = { ...api.connection, server: 'https://127.0.0.1:1' };
  const client = new KubeClient(connection, { userAgent: 'x', manager: 'x' });
  await assert.rejects(
    client.get(RESOURCE_TYPES.ConfigMap, ref),
    /reach the Kubernetes API server at https:\/\/127.0.0.1:1/,
  );
});
