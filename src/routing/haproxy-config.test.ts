import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../app/failure.ts';
import { haproxyArguments, haproxyConfig } from './haproxy-config.ts';
import { freedList } from './router-maps.ts';
import type { BackendSpec, RouterSpec } from './router-spec.ts';

const login: BackendSpec = {
  service: 'login',
  readyPath: '/ready',
  stateful: { key: { kind: 'header', name: 'x-user' }, idleMs: 900_000 },
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
  sockets: { runtime: '/run/app/r.sock', peer: '/run/app/p.sock', next: '/run/app/n.sock' },
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
  assert.equal(servers.length, 3);
  for (const line of servers) assert.match(line, / weight 0\b/);
  assert.equal(servers[2], 'server holdfast_next "unix@/run/app/n.sock" id 2147483647 weight 0');
  assert.match(servers[0] ?? '', /^server login-1 127\.0\.0\.1:9001 id 7 /);
  assert.match(servers[1] ?? '', /^server login-2 \[::1\]:9002 id 8 /);
});

test('with hand-over there are no pins, and another instance takes what could not be connected to the owner', () => {
  const stateful = { key: { kind: 'header', name: 'x-user' }, idleMs: 900_000, pins: false } as const;
  const lines = section(haproxyConfig({ ...spec, backends: [{ ...login, stateful }, web] }), 'backend login');
  assert.doesNotMatch(lines.join('\n'), /stick/);
  for (const line of ['retries 3', 'retry-on conn-failure', 'option redispatch 1'])
    assert.ok(lines.includes(line));
  const instances = lines.filter((line) => line.startsWith('server login-'));
  assert.equal(instances.length, 2);
  for (const line of instances) assert.doesNotMatch(line, /weight|disabled/);
});

test('a stateless service evaluates nothing about users, and only whoever reads is asked for again', () => {
  const config = haproxyConfig(spec);
  const web = section(config, 'backend web').join('\n');
  assert.doesNotMatch(web, /stick|use-server %|req\./);
  assert.match(web, /^retry-on conn-failure empty-response$/m);
  const login = section(config, 'backend login').join('\n');
  assert.match(login, /^retry-on empty-response$/m);
  assert.doesNotMatch(login, /redispatch/);
  for (const lines of [web, login]) assert.match(lines, /^http-request disable-l7-retry unless METH_GET$/m);
  assert.match(section(config, 'backend web').at(-2) ?? '', /^server web-1 .* disabled$/);
});

test('only services with sessions need the socket that carries pins over a reload', () => {
  assert.match(haproxyConfig(spec), /^peers holdfast_peers$/m);
  assert.doesNotMatch(haproxyConfig({ ...spec, routes: [], backends: [web] }), /peers/);
});

test('nobody follows the map before the pins are known, and who would waits for that', () => {
  const login = section(haproxyConfig(spec), 'backend login');
  const wait = login.findIndex((line) => line.startsWith('http-request lua.wait-for-pins if !{ srv_is_up('));
  const follow = login.findIndex((line) => line.startsWith('http-request set-var(txn.follows) '));
  assert.ok(wait !== -1 && wait < follow);
  assert.match(
    login[follow] ?? '',
    / if \{ srv_is_up\(holdfast_pins\/known\) \} !\{ .*,in_table\(login\) \}$/,
  );
  const uses = login.filter((line) => /^(use-server %|stick store-)/.test(line));
  assert.equal(uses.length, 3);
  for (const line of uses) assert.match(line, / if \{ var\(txn\.follows\) -m found \}/);
});

test('a worker that stops makes no pins, and gives everybody to the next one', () => {
  const login = section(haproxyConfig(spec), 'backend login');
  assert.ok(login.some((line) => /^stick store-request .* !\{ stopping \}$/.test(line)));
  for (const lines of [login, section(haproxyConfig(spec), 'backend web')]) {
    const [first] = lines.filter((line) => line.startsWith('use-server '));
    assert.equal(first, 'use-server holdfast_next if { stopping } { srv_is_up(holdfast_end/stays) }');
    assert.ok(lines.includes('server holdfast_next "unix@/run/app/n.sock" id 2147483647 weight 0'));
  }
  assert.match(haproxyConfig(spec), /^ *bind "unix@\/run\/app\/n\.sock"$/m);
});

test('where any instance will do a request waits for one, unless the worker stops', () => {
  const line = 'http-request lua.wait-for-instance if { nbsrv eq 0 } !{ stopping }';
  assert.ok(section(haproxyConfig(spec), 'backend web').includes(line));
  assert.ok(!section(haproxyConfig(spec), 'backend login').includes(line));
  const config = haproxyConfig({ ...spec, backends: [handingOver] });
  assert.ok(section(config, 'backend login').includes(line));
  assert.match(config, /^ *lua-load wait-for-instance\.lua$/m);
});

test('only services with pins need the script that waits for them', () => {
  assert.match(haproxyConfig(spec), /^ *lua-load wait-for-pins\.lua$/m);
  assert.deepEqual(section(haproxyConfig(spec), 'backend holdfast_pins').length, 1);
  assert.doesNotMatch(haproxyConfig({ ...spec, routes: [], backends: [web] }), /wait-for-pins|holdfast_pins/);
});

test('one of several routers sends its clients away when it ends, and is told so or knows it from its start', () => {
  const self = { name: 'router-a', host: '10.0.0.1', port: 1_024 };
  const fleet = { self, others: [] };
  const leave = 'http-after-response set-header Connection close unless { srv_is_up(holdfast_end/stays) }';
  assert.ok(section(haproxyConfig({ ...spec, fleet }), 'frontend holdfast_in').includes(leave));
  assert.ok(
    !section(haproxyConfig(spec), 'frontend holdfast_in').includes(leave),
    'with one there is no elsewhere',
  );
  const server = 'server stays 127.0.0.1:1';
  assert.deepEqual(section(haproxyConfig(spec), 'backend holdfast_end'), [server]);
  assert.deepEqual(section(haproxyConfig({ ...spec, fleet, ends: true }), 'backend holdfast_end'), [
    `${server} disabled`,
  ]);
});

const handingOver: BackendSpec = {
  ...login,
  stateful: { key: { kind: 'header', name: 'x-user' }, idleMs: 1_000, pins: false },
};

test('a service with hand-over has no pins, and needs nothing that they need', () => {
  const config = haproxyConfig({ ...spec, backends: [handingOver] });
  assert.doesNotMatch(config, /stick|peers|wait-for-pins|txn\.follows/);
  assert.match(config, /^ *use-server .*map_ip\(login\.map\)\] if TRUE$/m);
  assert.match(haproxyConfig(spec), /stick-table/);
});

test('a worker that stops gives all users of a service with hand-over to the next one', () => {
  const config = haproxyConfig({ ...spec, backends: [handingOver] });
  const [first] = section(config, 'backend login').filter((line) => line.startsWith('use-server '));
  assert.equal(first, 'use-server holdfast_next if { stopping } { srv_is_up(holdfast_end/stays) }');
  assert.doesNotMatch(config, /holdfast_pins/);
  assert.match(config, /^ *bind "unix@\/run\/app\/n\.sock"$/m);
});

test('routers that share their pins know each other by name and address', () => {
  const peer = (name: string, host: string) => ({ name, host, port: 1_024 });
  const fleet = { self: peer('router-a', '10.0.0.1'), others: [peer('router-b', 'fd00::2')] };
  assert.deepEqual(section(haproxyConfig({ ...spec, fleet }), 'peers holdfast_peers'), [
    'peer router-a 10.0.0.1:1024',
    'peer router-b [fd00::2]:1024',
  ]);
  assert.deepEqual(haproxyArguments('/f', 'router-a'), ['-W', '-f', '/f', '-L', 'router-a']);
});

test('routers that share their pins can let one not count, and give up machines that are dead', () => {
  const self = { name: 'router-a', host: '10.0.0.1', port: 1_024 };
  const shared = haproxyConfig({ ...spec, fleet: { self, others: [] } });
  assert.match(
    section(shared, 'backend login').join('\n'),
    /set-var\(txn.follows\) .* \{ .*,table_server_id\(login\) -m int -f login\.freed \}/,
  );
  assert.ok(section(shared, 'defaults').includes('option srvtcpka'));
  assert.doesNotMatch(haproxyConfig(spec), /freed|srvtcpka/);
  assert.equal(freedList([]), '0\n', 'a user without a pin goes to the owner');
  assert.equal(freedList([7, 8]), '0\n7\n8\n');
});

test('without a route for everything the rest gets 404', () => {
  assert.match(haproxyConfig(spec), /default_backend holdfast_no_route/);
  const all = haproxyConfig({ ...spec, routes: [...spec.routes, { path: '/', service: 'web' }] });
  assert.match(all, /default_backend web/);
});

test('paths with spaces, quotes and variables are written so that HAProxy reads them as they are', () => {
  const config = haproxyConfig({
    ...spec,
    sockets: { runtime: `/a b/"c"/$HOME/it's\\r`, peer: '/p', next: '/n' },
  });
  assert.match(config, /stats socket "\/a b\/\\"c\\"\/\\\$HOME\/it's\\\\r" mode 600/);
});

test('names and texts that would be read as something else are refused', () => {
  const bad: readonly RouterSpec[] = [
    { ...spec, generation: 'a\tb' },
    { ...spec, host: '127.0.0.1 ssl' },
    { ...spec, backends: [{ ...login, service: 'lo gin' }] },
    { ...spec, backends: [{ ...login, stateful: { key: { kind: 'header', name: 'x),y' }, idleMs: 1 } }] },
    { ...spec, backends: [{ ...web, servers: [{ name: '', id: 1, host: 'h', port: 1, state: 'ready' }] }] },
    { ...spec, routes: [{ path: '/x', service: 'a b' }] },
    { ...spec, routes: [{ path: '/x\r', service: 'login' }] },
  ];
  for (const each of bad) assert.throws(() => haproxyConfig(each), UserError, JSON.stringify(each));
});
