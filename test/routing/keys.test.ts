/**
 * What names a user is told twice, to HAProxy and to Node. Here a real HAProxy finds the key of each request,
 * passes both on, and the instance behind it finds the key for itself.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import type { UserKey } from '../../src/app/model.ts';
import { slotOf, SLOTS } from '../../src/routing/owner-table.ts';
import { keyLines, userKeyOf } from '../../src/routing/user-key.ts';
import { eventually, freePort, haproxyBinary, HOST } from '../support/haproxy.ts';
import { ask, type Answer } from './load.ts';

const REQUESTS = Number(process.env['HOLDFAST_KEYS'] ?? 600);

const KEYS = {
  header: { kind: 'header', name: 'x-user' },
  cookie: { kind: 'cookie', name: 'sid', assign: false },
  assigned: { kind: 'cookie', name: '__Host-s.1', assign: true },
  query: { kind: 'query', name: 'user.id' },
  path: { kind: 'path', segment: 2 },
  first: { kind: 'path', segment: 1 },
} as const satisfies Readonly<Record<string, UserKey>>;
type Kind = keyof typeof KEYS;

const kinds = Object.keys(KEYS) as Kind[];
const ports = new Map<string, number>();
const resources = new AsyncDisposableStack();

/** What router and instance found, as digest and slot; '' for none. */
interface Seen {
  readonly router: string;
  readonly instance: string;
  readonly cookie: string | undefined;
}

const told = (key: string | Buffer): string =>
  `${createHash('sha1').update(key).digest('hex').toUpperCase()} ${slotOf(key)}`;

function backendLines(kind: Kind, instance: number): string[] {
  const { rules, key, condition } = keyLines(KEYS[kind]);
  return [
    `frontend ${kind}_in`,
    `  bind ${HOST}:${ports.get(kind)}`,
    `  default_backend ${kind}`,
    `backend ${kind}`,
    '  http-request del-header x-key',
    '  http-request del-header x-slot',
    ...rules.map((rule) => `  ${rule}`),
    `  http-request set-header x-key %[${key},sha1,hex] if ${condition}`,
    `  http-request set-header x-slot %[${key},xxh32,mod(${SLOTS})] if ${condition}`,
    `  http-request set-header x-kind ${kind}`,
    `  server instance ${HOST}:${instance}`,
  ];
}

before(async () => {
  const server = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
    const kind = request.headers['x-kind'] as Kind;
    const key = userKeyOf(KEYS[kind], request);
    const seen: Seen = {
      router: [request.headers['x-key'], request.headers['x-slot']].join(' ').trim(),
      instance: key === undefined ? '' : told(key),
      cookie: request.headers.cookie,
    };
    if (request.url === '/own') response.setHeader('set-cookie', '__Host-s.1=own; Path=/');
    response.end(JSON.stringify(seen));
  }).listen(0, HOST);
  resources.defer(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  await once(server, 'listening');
  for (const kind of kinds) ports.set(kind, await freePort());
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'haproxy.cfg');
  const defaults = ['timeout connect 2s', 'timeout client 10s', 'timeout server 10s'];
  const { port } = server.address() as AddressInfo;
  const lines = kinds.flatMap((kind) => backendLines(kind, port));
  await writeFile(
    file,
    ['defaults', '  mode http', ...defaults.map((d) => `  ${d}`), ...lines, ''].join('\n'),
  );
  const child = spawn(await haproxyBinary(), ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  resources.defer(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  await eventually('HAProxy answers', () =>
    ask(ports.get('path') ?? 0, { path: '/a/b' }).then(
      () => true,
      () => false,
    ),
  );
});

after(() => resources.disposeAsync());

/** Sends bytes as they are; undefined when HAProxy or Node would not have them at all. */
async function look(kind: Kind, target: string, headers: readonly string[]): Promise<Seen | undefined> {
  const lines = [`GET ${target} HTTP/1.1`, 'Host: a', 'Connection: close', ...headers, '', ''];
  const socket = connect(ports.get(kind) ?? 0, HOST);
  socket.setTimeout(10_000, () => socket.destroy(new Error('no answer in 10 s')));
  socket.write(Buffer.from(lines.join('\r\n'), 'latin1'));
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  const found = /^HTTP\/1\.1 200 [^]*?(\{.*\})/.exec(answer)?.[1];
  if (found === undefined) assert.match(answer, /^HTTP\/1\.1 400 /);
  return found === undefined ? undefined : (JSON.parse(found) as Seen);
}

async function assertKey(
  kind: Kind,
  key: string | undefined,
  target: string,
  headers: string[] = [],
): Promise<void> {
  const wanted = key === undefined ? '' : told(key);
  const about = `${target} ${headers.join(' | ')}`;
  const seen = await look(kind, target, headers);
  assert.deepEqual([seen?.router, seen?.instance], [wanted, wanted], about);
}

interface Odd {
  readonly target: string;
  readonly headers: readonly string[];
}

/** Texts of the pieces, which `|` parts, behind one of the beginnings. */
const text = (beginnings: string, pieces: string): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom(...beginnings.split('|')),
      fc.array(fc.constantFrom(...pieces.split('|')), { maxLength: 8 }),
    )
    .map(([beginning, chosen]) => [beginning, ...chosen].join(''));

const ENCODED = '%61|%00|%zz|%|%2|%E9|%C3%A6|%25|%20|%26|+|%2B|a|ann|\\';

const ofCookie = (name: string): fc.Arbitrary<Odd> => {
  const pieces = `${ENCODED}|${name}|${name}=|; ${name}=x|${name.toUpperCase()}=|=|;| |; |"|,|x=1; |\t|\xe9|$`;
  return fc
    .array(text(`|${name}=|a=b; ${name} = `, pieces), { minLength: 1, maxLength: 2 })
    .map((values) => ({ target: '/', headers: values.map((value) => `Cookie: ${value}`) }));
};

const ofPath = text(
  '/|/users/|/users/ann',
  `${ENCODED}|/|/|//|.|..|/../|%2e|%2E%2e|%2F|%5c|users|?x=/|#|;v=1`,
).map((target): Odd => ({ target, headers: [] }));

const ODD: Readonly<Record<Kind, fc.Arbitrary<Odd>>> = {
  header: fc
    .array(text('|ann', 'a| |\t|,|"|;|=|%61|\xe9|\xc3\xa6|\\|ann|:|\x01'), { maxLength: 2 })
    .map((values) => ({
      target: '/',
      headers: values.map((value, n) => `${n === 0 ? 'X-USER' : 'x-user'}: ${value}`),
    })),
  cookie: ofCookie('sid'),
  assigned: ofCookie('__Host-s.1'),
  query: text(
    '/?|/?user.id=|/?a=b&user.id=',
    `${ENCODED}|user.id|user.id=|&user.id=x|user%2Eid=|user%2eid|us%65r.id=|userXid=|USER.ID=|&|&|;|=|?|#|/|,`,
  ).map((target) => ({ target, headers: [] })),
  path: ofPath,
  first: ofPath,
};

for (const kind of kinds) {
  test(`router and instance find the same ${kind} in any request`, async () => {
    const odd = fc.sample(ODD[kind], { numRuns: REQUESTS, seed: 1 });
    const seen = { key: 0, none: 0, refused: 0 };
    for (let at = 0; at < odd.length; at += 20) {
      const looks = odd.slice(at, at + 20).map(async ({ target, headers }) => {
        const found = await look(kind, target, headers);
        if (found === undefined) seen.refused += 1;
        else seen[found.router === '' ? 'none' : 'key'] += 1;
        assert.equal(found?.instance, found?.router, JSON.stringify({ target, headers }));
      });
      await Promise.all(looks);
    }
    assert.ok(seen.key > REQUESTS / 50 && seen.key + seen.none > REQUESTS / 3, JSON.stringify(seen));
  });
}

test('a header is taken as it is, once', async () => {
  await assertKey('header', 'ann,bob', '/', ['X-User:  ann,bob ']);
  await assertKey('header', '%61nn', '/', ['x-user: %61nn']);
  await assertKey('header', 'a'.repeat(8_000), '/', [`x-user: ${'a'.repeat(8_000)}`]);
  await assertKey('header', undefined, '/', ['x-user:']);
  await assertKey('header', undefined, '/', ['x-user: ann', 'X-User: ann']);
  await assertKey('header', undefined, '/');
});

test('a cookie is found among others, whatever those hold', async () => {
  await assertKey('cookie', 'ann', '/', ['Cookie: a={"x":1,"sid=2"}; sid=ann; b="']);
  await assertKey('cookie', 's:1.x=', '/', ['Cookie: sid=s%3A1.x=']);
  await assertKey('cookie', undefined, '/', ['Cookie: xsid=ann; sidx=ann; SID=ann']);
  await assertKey('cookie', undefined, '/', ['Cookie: sid=ann; a=b; sid=bob']);
  await assertKey('cookie', undefined, '/', ['Cookie: sid=']);
});

test('two spellings of a parameter are one user, two parameters are none', async () => {
  for (const spelling of ['zo%C3%AB+x', '%7a%6f%c3%AB%20x'])
    await assertKey('query', 'zoë x', `/?a=b&user.id=${spelling}`);
  await assertKey('query', 'ann', '/?next=%2Fa%3Fb%26user.id%3Dbob&user.id=ann');
  await assertKey('query', 'ann', 'http://a/?user.id=ann');
  for (const query of [
    'user.id=ann&user.id=bob',
    'user.id=ann&user%2Eid=bob',
    '%75ser.id=ann',
    'user.id=a;b',
    'user.id=',
    'user.id=%',
  ])
    await assertKey('query', undefined, `/?${query}`);
});

test('a segment of the path is one user in any spelling, and none where the path could be read in two ways', async () => {
  for (const target of ['/users/ann', '/users/%61nn/', '/users/ann/files/a%2Fb?x', 'http://a/users/ann'])
    await assertKey('path', 'ann', target);
  await assertKey('first', 'users', '/users');
  for (const target of [
    '/users',
    '/users/',
    '//users/ann',
    '/users//ann',
    '/x/../ann',
    '/users/ann/%2e%2E/bob',
    '/a%2Fb/c',
    '/users/a%5cb',
    '/users/ann\\..\\..\\bob',
    '/users/a%',
  ])
    await assertKey('path', undefined, target);
});

const cookieOf = ({ headers }: Answer): string[] => headers['set-cookie'] ?? [];

test('a user without the cookie gets one, is routed by it at once, and keeps it', async () => {
  const port = ports.get('assigned') ?? 0;
  const keys = new Set<string>();
  for (const cookie of [
    '',
    'a=b',
    '__Host-s.1=; a=b',
    'a=b; __Host-s.1=;__Host-s.1= ',
    'x__Host-s.1=1; __Host-sX1=1',
  ]) {
    const answer = await ask(port, cookie === '' ? {} : { headers: { cookie } });
    const [set = '', ...more] = cookieOf(answer);
    const key = /^__Host-s\.1=([0-9a-f-]{36}); Path=\/; HttpOnly; SameSite=Lax$/.exec(set)?.[1] ?? '';
    const seen = JSON.parse(answer.body) as Seen;
    assert.deepEqual([seen.router, seen.instance, more], [told(key), told(key), []], set);
    assert.equal(cookie.includes('a=b'), seen.cookie?.includes('a=b'));
    assert.equal(answer.headers['cache-control'], 'private');
    const again = await ask(port, { headers: { cookie: `a=b; __Host-s.1=${key}` } });
    assert.deepEqual([cookieOf(again), again.headers['cache-control']], [[], undefined]);
    assert.equal((JSON.parse(again.body) as Seen).router, told(key));
    keys.add(key);
  }
  assert.equal(keys.size, 5);
});

test('a cookie that is assigned over TLS is for TLS only, and the one that the service itself sets wins', async () => {
  const port = ports.get('assigned') ?? 0;
  const [secure = ''] = cookieOf(await ask(port, { headers: { 'x-forwarded-proto': 'HTTPS' } }));
  assert.match(secure, /; SameSite=Lax; Secure$/);
  assert.deepEqual(cookieOf(await ask(port, { path: '/own' })), ['__Host-s.1=own; Path=/']);
});

test('no cookie is assigned to a request that has two', async () => {
  await assertKey('assigned', undefined, '/', ['Cookie: __Host-s.1=a; __Host-s.1=b']);
  await assertKey('assigned', undefined, '/', ['Cookie: a=b', 'Cookie: c=d']);
});
