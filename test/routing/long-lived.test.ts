/** Connections that last: what a reload, an added instance and a published table do to them, which is nothing. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { Duplex } from 'node:stream';
import { afterEach, test } from 'node:test';
import type { BackendSpec } from '../../src/routing/router-spec.ts';
import { ownerOf, type OwnerTable } from '../../src/routing/owner-table.ts';
import { alike } from '../../src/routing/tables/member.ts';
import { steadyTable } from '../../src/routing/tables/steady.ts';
import { eventually, HOST, TestInstance, TestRouter, type Layout } from '../support/haproxy.ts';
import { askAs } from './load.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

const table = (names: readonly string[], previous?: OwnerTable): OwnerTable =>
  steadyTable(previous, 'login', alike(names));

function layout(servers: readonly TestInstance[], pins: boolean): Layout {
  const login: BackendSpec = {
    service: 'login',
    readyPath: '/ready',
    stateful: { key: { kind: 'header', name: 'x-user' }, idleMs: 600_000, pins },
    servers: servers.map(({ name, port }, at) => ({ name, id: at + 1, host: HOST, port, state: 'ready' })),
  };
  return { routes: [{ path: '/', service: 'login' }], backends: [login] };
}

interface Place {
  readonly router: TestRouter;
  readonly servers: readonly TestInstance[];
  readonly owners: OwnerTable;
  readonly pins: boolean;
}

async function running(pins: boolean): Promise<Place> {
  const servers = await Promise.all(
    ['login-1', 'login-2', 'login-3'].map((name) => new TestInstance(name).start()),
  );
  const router = await TestRouter.create();
  resources.defer(async () => {
    await router.close();
    await Promise.all(servers.map((server) => server.crash()));
  });
  const owners = table(['login-1', 'login-2']);
  await router.writeFiles(layout(servers.slice(0, 2), pins), 'first', [owners]);
  await router.start('first');
  await eventually('all servers are up', async () => {
    const { backends } = await router.router.observe();
    return backends['login']?.servers.every((server) => server.up) ?? false;
  });
  return { router, servers, owners, pins };
}

/** All that happens to a router in its life: an instance more, a table without the first one, a reload. */
async function changeEverything({ router, servers, owners, pins }: Place): Promise<void> {
  const third = servers[2];
  assert.ok(third !== undefined);
  const { name, port } = third;
  await router.router.addServer('login', { name, id: 3, host: HOST, port, stateful: true });
  const next = table(['login-2', 'login-3'], owners);
  await router.router.publishTable(next);
  await router.writeFiles(layout(servers, pins), 'second', [next]);
  await eventually('a reload keeps the pins', () => router.router.pinsSurviveReload());
  await router.reload('second');
}

/** A user whom `owner` owns. */
function userOf(owners: OwnerTable, owner: string): string {
  const user = Array.from({ length: 50 }, (_, n) => `user-${n}`).find((u) => ownerOf(owners, u) === owner);
  assert.ok(user !== undefined);
  return user;
}

/** The connections that upgrade to an echo with the instance's name before it. */
function echoOn(instance: TestInstance): void {
  instance.upgrade = (socket, { headers }) => {
    // RFC 6455, 4.2.2; HAProxy looks whether it is there.
    const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket'];
    socket.write(`${[...head, `Sec-WebSocket-Accept: ${accept}`].join('\r\n')}\r\n\r\n`);
    socket.on('data', (bytes: Buffer) => socket.write(`${instance.name}:${bytes.toString()}`));
    socket.on('error', () => socket.destroy());
  };
}

async function upgraded(port: number, user: string): Promise<Duplex> {
  const headers = {
    'x-user': user,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'sec-websocket-version': '13',
  };
  const outgoing = request({ host: HOST, port, headers });
  outgoing.once('response', ({ statusCode }) => outgoing.destroy(new Error(`answered ${statusCode}`))).end();
  const [, socket] = (await once(outgoing, 'upgrade')) as [IncomingMessage, Duplex];
  resources.defer(() => void socket.destroy());
  return socket;
}

async function echoed(socket: Duplex, text: string): Promise<string> {
  const answer = once(socket, 'data') as Promise<[Buffer]>;
  socket.write(text);
  return (await answer)[0].toString();
}

for (const pins of [true, false]) {
  const kind = pins ? 'pins' : 'hand-over';

  test(`with ${kind} a WebSocket is at the user's instance and outlives changes and a reload`, async () => {
    const place = await running(pins);
    place.servers.forEach(echoOn);
    const user = userOf(place.owners, 'login-1');
    const socket = await upgraded(place.router.port, user);
    assert.equal(await echoed(socket, 'one'), 'login-1:one');
    await changeEverything(place);
    assert.equal(await echoed(socket, 'two'), 'login-1:two');
    const again = await upgraded(place.router.port, user);
    const [instance] = (await echoed(again, 'three')).split(':');
    if (pins) assert.equal(instance, 'login-1');
    else assert.notEqual(instance, 'login-1');
  });
}

test('server-sent events and a long request go on over changes and a reload', async () => {
  const place = await running(true);
  const user = userOf(place.owners, 'login-1');
  const open: ((text: string, ends: boolean) => void)[] = [];
  for (const server of place.servers) {
    server.answer = (_incoming, response) => {
      response.setHeader('content-type', 'text/event-stream').flushHeaders();
      open.push((text, ends) => void (ends ? response.end(text) : response.write(text)));
    };
  }
  const outgoing = request({ host: HOST, port: place.router.port, headers: { 'x-user': user } }).end();
  const [events] = (await once(outgoing, 'response')) as [IncomingMessage];
  let seen = '';
  const ended = once(
    events.setEncoding('utf8').on('data', (text: string) => (seen += text)),
    'end',
  );
  open[0]?.('data: 1\n\n', false);
  await eventually('the first event is there', () => seen === 'data: 1\n\n');
  await changeEverything(place);
  open[0]?.('data: 2\n\n', false);
  await eventually('the second event is there', () => seen.endsWith('data: 2\n\n'));
  open[0]?.('data: 3\n\n', true);
  await ended;
  assert.equal(seen, 'data: 1\n\ndata: 2\n\ndata: 3\n\n');
});

test('an upload arrives as it is sent, also over changes and a reload', async () => {
  const place = await running(true);
  const user = userOf(place.owners, 'login-1');
  let received = '';
  for (const server of place.servers) {
    server.answer = (incoming, response) => {
      incoming.setEncoding('utf8').on('data', (text: string) => (received += text));
      incoming.on('end', () => response.end(server.name));
    };
  }
  const outgoing = request({
    host: HOST,
    port: place.router.port,
    method: 'POST',
    headers: { 'x-user': user },
  });
  const answer = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  outgoing.write('first half, ');
  await eventually('the first half is there before the second is sent', () => received === 'first half, ');
  await changeEverything(place);
  outgoing.end('second half');
  const [response] = await answer;
  assert.equal(response.statusCode, 200);
  assert.equal(received, 'first half, second half');
  response.resume();
});

test('HTTP/2 in the clear is understood, and each of its requests goes to its own user', async () => {
  const { router, owners } = await running(false);
  const session = connectHttp2(`http://${HOST}:${router.port}`);
  resources.defer(() => session.destroy());
  const answers = Array.from({ length: 20 }, async (_, n) => {
    const stream = session.request({ ':path': '/', 'x-user': `user-${n}` });
    let body = '';
    stream.setEncoding('utf8').on('data', (text: string) => (body += text));
    await once(stream, 'end');
    assert.equal(body, ownerOf(owners, `user-${n}`));
  });
  await Promise.all(answers);
});

test("a WebSocket over HTTP/2, as browsers open it by HTTPS, is at the user's instance and outlives changes", async () => {
  const place = await running(true);
  place.servers.forEach(echoOn);
  const session = connectHttp2(`http://${HOST}:${place.router.port}`);
  resources.defer(() => session.destroy());
  await once(session, 'remoteSettings');
  assert.equal(session.remoteSettings.enableConnectProtocol, true);
  // RFC 8441, 4.
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': '/',
    'sec-websocket-version': '13',
    'x-user': userOf(place.owners, 'login-1'),
  });
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
  assert.equal(head[':status'], 200);
  assert.equal(await echoed(stream, 'one'), 'login-1:one');
  await changeEverything(place);
  assert.equal(await echoed(stream, 'two'), 'login-1:two');
});

test('an instance is told who asked, and over what', async () => {
  const { router, servers } = await running(false);
  const seen: IncomingMessage['headers'][] = [];
  for (const server of servers)
    server.answer = (incoming, response) => {
      seen.push(incoming.headers);
      response.end();
    };
  await askAs(router.port, 'ann');
  await askAs(router.port, 'ann', {
    headers: { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' },
  });
  assert.equal(seen[0]?.['x-forwarded-for'], HOST);
  assert.equal(seen[0]['x-forwarded-proto'], 'http');
  assert.equal(
    seen[1]?.['x-forwarded-for'],
    `192.0.2.7, ${HOST}`,
    'its last address is the one that the router saw',
  );
  assert.equal(seen[1]['x-forwarded-proto'], 'https', 'a proxy with TLS before the router is believed');
});
