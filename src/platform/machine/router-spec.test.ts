import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseApp } from '../../app/parse.ts';
import type { InstanceObservation, InstanceState } from '../observation.ts';
import { routerSpec, routerUrl } from './router-spec.ts';

const states: InstanceState[] = ['starting', 'ready', 'unready', 'leaving', 'stopping', 'dead'];
const sockets = { runtime: '/run/router.sock', peer: '/run/peer.sock', next: '/run/next.sock' };

function appAt(host: string): Parameters<typeof routerSpec>[0] {
  const text = `name: t\nservices:\n  web: { run: x }\nrouter: { host: "${host}" }\n`;
  return { app: parseApp(text, 'holdfast.yaml'), routerPort: 8080, structure: 's1' };
}

function instance(state: InstanceState, index: number): InstanceObservation {
  const ordinal = index + 1;
  const at = { since: 0, startedAt: 0, host: '127.0.0.1', port: 20_000 + ordinal };
  const flags = { failures: 0, hung: false, signalled: false, failed: false };
  return {
    id: `web-${ordinal}`,
    service: 'web',
    ordinal,
    incarnation: 'i',
    template: 't',
    state,
    ...at,
    ...flags,
  };
}

test('only instances that may have requests are told, and one that leaves gets no new ones', () => {
  const { backends } = routerSpec(appAt('127.0.0.1'), states.map(instance), sockets);
  assert.deepEqual(
    backends[0]?.servers.map(({ name, state }) => `${name} ${state}`),
    ['web-2 ready', 'web-3 ready', 'web-4 drain'],
  );
});

test('the address is one that can be typed into a browser', () => {
  const urls = ['127.0.0.1', '0.0.0.0', '::', '::1', 'shop.example'].map((host) => routerUrl(appAt(host)));
  assert.deepEqual(urls, [
    'http://127.0.0.1:8080',
    'http://localhost:8080',
    'http://localhost:8080',
    'http://[::1]:8080',
    'http://shop.example:8080',
  ]);
});
