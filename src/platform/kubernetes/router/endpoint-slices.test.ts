import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointsOf, peersOf, type EndpointSlice } from './endpoint-slices.ts';

type SliceEndpoints = NonNullable<EndpointSlice['endpoints']>;

function slice(
  service: string,
  endpoints: SliceEndpoints,
  about: Partial<EndpointSlice> = {},
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-x`, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'http', port: 8080 }],
    ...about,
  };
}

const pod = (name: string, host: string, conditions: SliceEndpoints[number]['conditions'] = {}) => ({
  addresses: [host],
  conditions,
  targetRef: { name, uid: `uid-${name}` },
});
const choice = { service: 'shop-web', address: '10.0.0.9' };

test('endpoints are those of the Service, in the family of the router, with a pod behind them', () => {
  const slices = [
    slice('shop-web', [pod('b', '10.0.0.2'), pod('a', '10.0.0.1'), { addresses: ['10.0.0.3'] }]),
    slice('shop-web', [pod('c', 'fd00::3')], { addressType: 'IPv6' }),
    slice('shop-login', [pod('d', '10.0.0.4')]),
    slice('shop-web', [pod('e', '10.0.0.5')], { ports: [{ name: 'metrics', port: 1 }] }),
    slice('shop-web', [], { endpoints: null, ports: null }),
  ];
  assert.deepEqual(
    endpointsOf(slices, choice).map(({ name, host, port }) => `${name} ${host}:${port}`),
    ['a 10.0.0.1:8080', 'b 10.0.0.2:8080'],
  );
  const six = endpointsOf(slices, { ...choice, address: 'fd00::9' });
  assert.deepEqual(
    six.map(({ name }) => name),
    ['c'],
  );
});

test('conditions that are absent count as ready', () => {
  const [first] = endpointsOf([slice('shop-web', [pod('a', '10.0.0.1')])], choice);
  assert.deepEqual([first?.ready, first?.serving, first?.terminating], [true, true, false]);
});

test('a pod that is in two slices for a moment is told once, as ending if one says so', () => {
  const old = slice('shop-web', [pod('a', '10.0.0.1', { ready: true, serving: true })]);
  const news = slice('shop-web', [pod('a', '10.0.0.1', { ready: false, serving: true, terminating: true })]);
  for (const slices of [
    [old, news],
    [news, old],
  ]) {
    const found = endpointsOf(slices, choice);
    assert.equal(found.length, 1);
    assert.equal(found[0]?.terminating, true);
  }
});

test('peers are the other routers, ready or not', () => {
  const routers = slice('shop-routers', [
    pod('r-1', '10.0.0.9'),
    pod('r-2', '10.0.0.8', { ready: true, serving: false }),
    pod('r-self', '10.0.0.7'),
  ]);
  const about = { service: 'shop-routers', address: '10.0.0.9' };
  assert.deepEqual(peersOf([routers], about, 'r-self'), [{ name: 'r-2', host: '10.0.0.8', serving: false }]);
});
