/** What the router does for users and services beyond passing requests on: HTTPS, and an address for calls. */
import assert from 'node:assert/strict';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRecords, ROUTER } from '../../src/platform/machine/process-record.ts';
import { HaproxyRouter } from '../../src/routing/haproxy-router.ts';
import { RuntimeSocket } from '../../src/routing/runtime-socket.ts';
import { AppFolder } from '../support/app-folder.ts';
import { makeCertificate, shownCertificate, type TestCertificate } from '../support/certificates.ts';
import { eventually, HOST } from '../support/haproxy.ts';
import { Http2Load } from '../support/http2-load.ts';
import { services } from '../support/services.ts';
import { statusWhen } from '../machine-services/support.ts';
import { ask, askAs } from '../routing/load.ts';
import type { Counted } from './support.ts';

const counter = `name: app
services:
  counter:
    run: ${JSON.stringify(services.counter)}
    instances: { min: 1 }
router: { port: 0, tls: { secret: app-tls, port: 0 } }
`;

const SECRET = '.holdfast/secrets/app-tls';

async function put(app: AppFolder, { certificate, key }: TestCertificate): Promise<void> {
  await app.write(`${SECRET}/tls.crt`, certificate);
  await app.write(`${SECRET}/tls.key`, key);
}

test('a secret without a usable certificate is named, and nothing is started', async () => {
  await using app = await AppFolder.create(counter);
  const missing = await app.run(['up', '--detach']);
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /the secret "app-tls" has no "tls\.(crt|key)": put it into the file/);
  const [one, other] = await Promise.all([makeCertificate('one'), makeCertificate('other')]);
  await put(app, { ...one, key: other.key });
  const wrong = await app.run(['up', '--detach']);
  assert.match(wrong.stderr, /"app-tls": tls\.key is not the key of the first certificate in tls\.crt/);
  assert.deepEqual(app.processes(), []);
});

test('users come by HTTPS, and renewed files are in force without a failed request, by whatever controller', async () => {
  await using app = await AppFolder.create(counter);
  await put(app, await makeCertificate('first'));
  await app.must('up', '--detach');
  const { url } = await app.status();
  assert.match(url ?? '', /^https:\/\/127\.0\.0\.1:\d+$/);
  const port = Number(new URL(url ?? '').port);
  assert.equal(await shownCertificate(HOST, port), 'first');
  assert.equal((await lstat(join(app.state.routing, 'tls.pem'))).mode & 0o777, 0o600);
  const load = new Http2Load(url ?? '', ['ann', 'ben']);
  const shows = (name: string) => async (): Promise<boolean> => (await shownCertificate(HOST, port)) === name;
  const [second, third] = await Promise.all([makeCertificate('second', 3), makeCertificate('third')]);
  await put(app, second);
  await eventually('the second is shown', shows('second'));
  await statusWhen(app, 'its end is told', ({ router }) =>
    /^the certificate ends on .*, in [23]\.\d days/.test(router.problem ?? ''),
  );
  await app.write(`${SECRET}/tls.crt`, third.certificate);
  const refused = await statusWhen(
    app,
    'it is refused',
    ({ router }) => router.problem?.includes('is not the key') === true,
  );
  assert.equal(refused.state, 'ready');
  assert.match(refused.router.problem ?? '', /The router keeps the certificate that it has/);
  assert.equal(await shownCertificate(HOST, port), 'second');
  assert.ok(await app.killController());
  await put(app, third);
  await app.must('up', '--detach');
  await eventually('the third is shown', shows('third'));
  await load.end();
  assert.deepEqual(load.failures, []);
  assert.ok(load.clients.every(({ connections }) => connections === 1));
});

test('users of HTTP are sent to HTTPS, and services on the machine are not', async () => {
  await using app = await AppFolder.create(counter);
  await put(app, await makeCertificate('first'));
  await app.must('up', '--detach');
  const { url } = await app.status();
  const record = (await readRecords(app.state.processes)).find(({ id }) => id === ROUTER);
  assert.ok(record !== undefined);
  const headers = { host: 'shop.example' };
  const sent = await ask(record.port, { path: '/a?b', headers });
  assert.equal(sent.status, 308);
  assert.equal(sent.headers.location, `https://shop.example:${new URL(url ?? '').port}/a?b`);
  assert.equal((await ask(record.port, {})).status, 200);
});

test('a service that calls another by ROUTER_URL with the key meets the instance that has the session', async () => {
  await using app = await AppFolder.create(`name: app
services:
  login:
    run: ${JSON.stringify(services.counter)}
    stateful: { key: { header: x-user } }
  community: { run: ${JSON.stringify(services.caller)} }
routes: { /login: login, /: community }
`);
  await app.must('up', '--detach');
  const port = await app.routerPort();
  const called = async (path: string, user: string): Promise<Counted> =>
    JSON.parse((await askAs(port, user, { path })).body) as Counted;
  const users = Array.from({ length: 12 }, (_, n) => `user-${n}`);
  const instances = users.map(async (user) => {
    const first = await called('/login', user);
    const second = await called('/pay', user);
    const { instance, calls } = await called('/login', user);
    assert.deepEqual([second.instance, second.calls], [first.instance, 2], user);
    assert.deepEqual([instance, calls], [first.instance, 3], user);
    return instance;
  });
  assert.equal(new Set(await Promise.all(instances)).size, 2);
});

test('a request that is under way at an instance which is replaced is answered', async () => {
  await using app = await AppFolder.create(`name: app
services: { web: { run: ${JSON.stringify(services.patient)}, instances: { min: 1 }, stop: 1m } }
`);
  await app.must('up', '--detach');
  const before = app.pids()['web-1'];
  const answer = ask(await app.routerPort(), {});
  await requestUnderWay(app);
  const restarting = app.start(['restart', 'web']);
  await statusWhen(app, 'it leaves', ({ services: [web] }) =>
    (web?.instances ?? []).some(({ pid, state }) => pid === before && state === 'leaving'),
  );
  await app.write('go', '');
  const { status, body } = await answer;
  assert.deepEqual([status, JSON.parse(body)], [200, { pid: before }]);
  assert.equal((await restarting.result).code, 0);
});

/** Fulfilled when the router has passed a request on. */
async function requestUnderWay(app: AppFolder): Promise<void> {
  const haproxy = new HaproxyRouter(new RuntimeSocket(join(app.state.sockets, 'router.sock')));
  await eventually('a request is under way', async () => {
    const { backends } = await haproxy.observe();
    return Object.values(backends).some(({ servers }) => servers.some((s) => s.currentSessions > 0));
  });
}
