import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { OperationError, UserError } from '../../src/app/failure.ts';
import { checkConfig } from '../../src/routing/check-config.ts';
import type { OwnerTable } from '../../src/routing/owner-table.ts';
import { CommandRefused, RouterUnreachable, RuntimeSocket } from '../../src/routing/runtime-socket.ts';
import { alike } from '../../src/routing/tables/member.ts';
import { steadyTable } from '../../src/routing/tables/steady.ts';
import { eventually, haproxyBinary, HOST, TestInstance, TestRouter } from '../support/haproxy.ts';
import type { Layout } from '../support/haproxy.ts';
import { askAs } from './load.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

const table = (names: readonly string[], previous?: OwnerTable): OwnerTable =>
  steadyTable(previous, 'login', alike(names));

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'holdfast-driver-'));
  resources.defer(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function running(): Promise<{ router: TestRouter; one: TestInstance; layout: Layout }> {
  const one = await new TestInstance('login-1').start();
  resources.defer(() => one.crash());
  const router = await TestRouter.create();
  resources.defer(() => router.close());
  const layout: Layout = {
    routes: [{ path: '/', service: 'login' }],
    backends: [
      {
        service: 'login',
        readyPath: '/ready',
        stateful: { key: { kind: 'header', name: 'x-user' }, idleMs: 600_000 },
        servers: [{ name: 'login-1', id: 1, host: HOST, port: one.port, state: 'ready' }],
      },
    ],
  };
  await router.writeFiles(layout, 'first', [table(['login-1'])]);
  await router.start('first');
  return { router, one, layout };
}

test('an older table is refused, the one in force is left alone', async () => {
  const { router } = await running();
  const first = table(['login-1']);
  const second = table(['login-1', 'login-2'], first);
  await router.router.publishTable(second);
  await router.router.publishTable(second);
  await assert.rejects(router.router.publishTable(first), (error) => {
    assert.ok(error instanceof OperationError);
    assert.match(error.message, /epoch 2 of login's owner table in force and does not go back to 1/);
    return true;
  });
  assert.equal(await router.router.epoch('login'), 2);
});

test('a publisher that was overtaken between preparing and committing is refused', async () => {
  const { router } = await running();
  const second = table(['login-1', 'login-2'], table(['login-1']));
  await router.runtime.ask('prepare map login.map');
  await router.runtime.tell('add map @1 login.map <<\n255.255.255.255 1\n');
  await router.router.publishTable(second);
  await assert.rejects(router.runtime.tell('commit map @1 login.map'), /out of range/);
  assert.equal(await router.router.epoch('login'), 2);
});

test('a publication that was left half done does not show in the next one', async () => {
  const { router } = await running();
  await router.runtime.ask('prepare map login.map');
  await router.runtime.tell('add map @1 login.map <<\n255.255.255.255 9\n0.0.0.0 login-9\n');
  await router.router.publishTable(table(['login-1', 'login-2'], table(['login-1'])));
  assert.equal(await router.router.epoch('login'), 2);
  assert.doesNotMatch(await router.runtime.ask('show map @2 login.map'), /login-9/);
});

test('removing a server waits for its requests, and cuts them when the time is over', async () => {
  const { router, one } = await running();
  one.answer = () => {};
  const stuck = askAs(router.port, 'alice').catch(String);
  await eventually('the request is there', async () => {
    const { backends } = await router.router.observe();
    return backends['login']?.servers[0]?.currentSessions === 1;
  });
  const leaving = AbortSignal.timeout(200);
  await assert.rejects(router.router.removeServer('login', 'login-1', 60_000, leaving), {
    name: /Abort|Timeout/,
  });
  await router.router.removeServer('login', 'login-1', 100);
  await router.router.removeServer('login', 'login-1', 100);
  assert.deepEqual((await router.router.observe()).backends['login']?.servers, []);
  assert.notEqual(await stuck, undefined);
});

test('adding a server again changes nothing, and its name with another id is refused', async () => {
  const { router, one } = await running();
  const added = { name: 'login-2', id: 2, host: HOST, port: one.port, stateful: true };
  await router.router.addServer('login', added);
  const before = await router.router.observe();
  await router.router.addServer('login', added);
  assert.deepEqual(await router.router.observe(), before);
  await assert.rejects(router.router.addServer('login', { ...added, id: 3 }), /with the id 2 instead of 3/);
});

test('what HAProxy refuses and an absent HAProxy are different errors', async () => {
  const { router } = await running();
  await assert.rejects(router.router.drainServer('login', 'login-7'), CommandRefused);
  await assert.rejects(
    router.router.addServer('nothing', { name: 'a-1', id: 1, host: HOST, port: 1, stateful: true }),
    /no service nothing/,
  );
  await router.kill();
  await assert.rejects(router.router.observe(), RouterUnreachable);
});

test('an answer that breaks off, and none at all, are seen', async () => {
  const path = join(await folder(), 'broken.sock');
  const answers = ['half an ans', ''];
  const server = createServer((socket) => void socket.end(answers.shift() ?? '')).listen(path);
  await once(server, 'listening');
  resources.defer(() => void server.close());
  const socket = new RuntimeSocket(path);
  await assert.rejects(socket.ask('show info'), RouterUnreachable);
  await assert.rejects(socket.ask('show info'), RouterUnreachable);
});

test('a command can be called off', async () => {
  const path = join(await folder(), 'silent.sock');
  const server = createServer(() => {}).listen(path);
  await once(server, 'listening');
  resources.defer(() => void server.close());
  const reason = new Error('called off');
  const stop = new AbortController();
  const asked = new RuntimeSocket(path).ask('show info', stop.signal);
  server.once('connection', () => stop.abort(reason));
  await assert.rejects(asked, reason);
});

test('a valid configuration passes the check, a bad one fails with the words of HAProxy', async () => {
  const { router } = await running();
  const binary = await haproxyBinary();
  await checkConfig(router.configFile, binary);
  const bad = join(await folder(), 'haproxy.cfg');
  await writeFile(bad, 'frontend x\n  bnid :1\n');
  await assert.rejects(checkConfig(bad, binary), (error) => {
    assert.ok(error instanceof OperationError);
    assert.match(error.message, /unknown keyword 'bnid'/);
    return true;
  });
});

test('a HAProxy without Lua is told in one sentence', async () => {
  const place = await folder();
  const program = join(place, 'haproxy');
  const complaint = `[ALERT]    (1) : config : parsing [haproxy.cfg:9] : unknown keyword 'lua-load' in 'global' section`;
  await writeFile(program, `#!/bin/sh\necho "${complaint}" >&2\nexit 1\n`, { mode: 0o755 });
  await assert.rejects(checkConfig(join(place, 'haproxy.cfg'), program), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /^This HAProxy \(.*\) is built without Lua, .*$/);
    return true;
  });
});

test('a missing HAProxy is told with how to get it', async () => {
  const file = join(await folder(), 'haproxy.cfg');
  await writeFile(file, '');
  await assert.rejects(checkConfig(file, '/nonexistent/haproxy'), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /apt-get install haproxy/);
    return true;
  });
});
