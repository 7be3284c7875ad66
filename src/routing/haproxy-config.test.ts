import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../app/failure.ts';
import { haproxyConfig, ownerMap } from './haproxy-config.ts';
import type { BackendSpec, RouterSpec } from './haproxy-config.ts';
import { steadyTable } from './steady.ts';

const login: BackendSpec = {
  service: 'login',
  readyPath: '/ready',
  stateful: { header: 'x-user', idleMs: 900_000 },
  servers: [
    { name: 'login-1', id: 7, host: '127.0.0.1', port: 9_001, state: 'ready' },
    { name: 'login-2', id: 8, host: '::1', port: 9_002, state: 'drain' },
  ],
};
const web: BackendSpec = {
  service: 'web',
  readyPath: '/up',
  servers: [{ name: 'web-1', id: 1, host: '127.0.0.1', port: 9_003, state: 'drain' }],
};
const spec: RouterSpec = {
  generation: 'g-1',
  host: '127.0.0.1',
  port: 8_080,
  sockets: { runtime: '/run/app/r.sock', peer: '/run/app/p.sock' },
  routes: [{ path: '/login', service: 'login' }],
  backends: [login, web],
};

/** The lines of a section, without their indentation. */
function section(config: string, head: string): string[] {
  const lines = config.split('\n');
  const start = lines.indexOf(head);
  assert.notEqual(start, -1, head);
  return lines.slice(start + 1, lines.indexOf('', start)).map((line) => line.trim());
}

test('every server of a stateful service has weight 0, so that balancing has no candidate', () => {
  const servers = section(haproxyConfig(spec), 'backend login').filter((line) => line.startsWith('server '));
  assert.equal(servers.length, 2);
  for (const line of servers) assert.match(line, / weight 0 check /);
  assert.match(servers[0] ?? '', /^server login-1 127\.0\.0\.1:9001 id 7 /);
  assert.match(servers[1] ?? '', /^server login-2 \[::1\]:9002 id 8 /);
});

test('a stateless service evaluates nothing per request and never redispatches a stateful one', () => {
  const config = haproxyConfig(spec);
  assert.doesNotMatch(section(config, 'backend web').join('\n'), /stick|use-server|http-request|req\./);
  assert.doesNotMatch(section(config, 'backend login').join('\n'), /redispatch/);
  assert.match(section(config, 'backend web').at(-1) ?? '', / disabled$/);
});

test('only services with sessions need the socket that carries pins over a reload', () => {
  assert.match(haproxyConfig(spec), /^peers holdfast_peers$/m);
  assert.doesNotMatch(haproxyConfig({ ...spec, routes: [], backends: [web] }), /peers/);
});

test('without a route for everything the rest gets 404', () => {
  assert.match(haproxyConfig(spec), /default_backend holdfast_no_route/);
  const all = haproxyConfig({ ...spec, routes: [...spec.routes, { path: '/', service: 'web' }] });
  assert.match(all, /default_backend web/);
});

test('paths with spaces, quotes and variables are written so that HAProxy reads them as they are', () => {
  const config = haproxyConfig({ ...spec, sockets: { runtime: `/a b/"c"/$HOME/it's\\r`, peer: '/p' } });
  assert.match(config, /stats socket "\/a b\/\\"c\\"\/\\\$HOME\/it's\\\\r" mode 600/);
});

test('names and texts that would be read as something else are refused', () => {
  const bad: readonly RouterSpec[] = [
    { ...spec, generation: 'a\tb' },
    { ...spec, host: '127.0.0.1 ssl' },
    { ...spec, backends: [{ ...login, service: 'lo gin' }] },
    { ...spec, backends: [{ ...login, stateful: { header: 'x),y', idleMs: 1 } }] },
    { ...spec, backends: [{ ...web, servers: [{ name: '', id: 1, host: 'h', port: 1, state: 'ready' }] }] },
    { ...spec, routes: [{ path: '/x', service: 'a b' }] },
    { ...spec, routes: [{ path: '/x\r', service: 'login' }] },
  ];
  for (const each of bad) assert.throws(() => haproxyConfig(each), UserError, JSON.stringify(each));
});

test('the map has the epoch and the owner of every slot, and no slot of nobody', () => {
  const table = steadyTable(undefined, 'login', ['login-1']);
  const lines = ownerMap(table).split('\n');
  assert.equal(lines[0], 'epoch 1');
  assert.equal(lines[1], '0 login-1');
  assert.equal(lines.length, 65_539);
  assert.equal(ownerMap(steadyTable(table, 'login', [])), 'epoch 2\n');
});
