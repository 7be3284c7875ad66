/** HTTPS at the router: who is served how, and a certificate that is renewed under load. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { renewCertificate } from '../../src/routing/renew-certificate.ts';
import { RouterFiles } from '../../src/routing/router-files.ts';
import type { TlsSpec } from '../../src/routing/router-spec.ts';
import { CERTIFICATE_FILE } from '../../src/routing/router-tls.ts';
import { CommandRefused } from '../../src/routing/runtime-socket.ts';
import { HOST_NAME, makeCertificate, shownCertificate } from '../support/certificates.ts';
import { eventually, freePort, HOST, TestInstance, TestRouter } from '../support/haproxy.ts';
import { Http2Client, Http2Load } from '../support/http2-load.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

interface Place {
  readonly router: TestRouter;
  readonly instance: TestInstance;
  readonly port: number;
  /** Puts another certificate in force. */
  readonly renew: (pem: string) => Promise<void>;
  /** The same configuration under another name. */
  readonly reload: (generation: string) => Promise<void>;
}

async function running(redirect?: TlsSpec['redirect']): Promise<Place> {
  const instance = await new TestInstance('web-1').start();
  const router = await TestRouter.create();
  resources.defer(async () => {
    await router.close();
    await instance.crash();
  });
  const port = await freePort();
  const files = new RouterFiles(router.folder);
  await writeFile(join(router.folder, CERTIFICATE_FILE), (await makeCertificate('first')).pem);
  const servers = [{ name: 'web-1', id: 1, host: HOST, port: instance.port, state: 'ready' as const }];
  const layout = {
    tls: { port, ...(redirect === undefined ? {} : { redirect }) },
    routes: [{ path: '/', service: 'web' }],
    backends: [{ service: 'web', readyPath: '/ready', servers }],
  };
  await router.writeFiles(layout, 'first', []);
  await router.start('first');
  await eventually('the instance is up', async () => {
    const { backends } = await router.router.observe();
    return backends['web']?.servers.every((server) => server.up) ?? false;
  });
  return {
    router,
    instance,
    port,
    renew: (pem) => renewCertificate({ files, haproxy: router.router }, pem),
    reload: async (generation) => {
      await router.writeFiles(layout, generation, []);
      await router.reload(generation);
    },
  };
}

async function askSecurely(options: RequestOptions): Promise<{ status: number; body: string }> {
  const outgoing = request({ host: HOST, rejectUnauthorized: false, ...options }).end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let body = '';
  for await (const part of response.setEncoding('utf8')) body += String(part);
  return { status: response.statusCode ?? 0, body };
}

/** Another one after a reload. */
async function workerOf({ runtime }: TestRouter): Promise<string | undefined> {
  return /^Pid: \d+$/m.exec(await runtime.ask('show info'))?.[0];
}

test('clients of HTTP/1.1 and HTTP/2 are served by HTTPS, and the instance is told so whatever they say', async () => {
  const { instance, port } = await running();
  const protocols: unknown[] = [];
  instance.answer = ({ headers }, response) => {
    protocols.push(headers['x-forwarded-proto']);
    response.end('served');
  };
  const headers = { 'x-forwarded-proto': 'http' };
  assert.deepEqual(await askSecurely({ port, headers }), { status: 200, body: 'served' });
  using client = new Http2Client(`https://${HOST}:${port}`);
  assert.deepEqual(await client.ask(headers), { status: 200, body: 'served' });
  assert.deepEqual(protocols, ['https', 'https']);
});

test('HTTP is redirected with its port, but not the names that are to stay with it, nor what a proxy with TLS sends', async () => {
  const { router } = await running({ port: 8443, except: ['shop-router', '[::1]'] });
  const ask = async (headers: Record<string, string>): Promise<readonly [number, string]> => {
    const outgoing = httpRequest({ host: HOST, port: router.port, path: '/a/b?c=d%20e', headers }).end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    response.resume();
    return [response.statusCode ?? 0, response.headers.location ?? ''];
  };
  const there = `https://${HOST_NAME}:8443/a/b?c=d%20e`;
  assert.deepEqual(await ask({ host: HOST_NAME }), [308, there]);
  assert.deepEqual(await ask({ host: `${HOST_NAME}:8080` }), [308, there]);
  assert.deepEqual(await ask({ host: '[::2]:80' }), [308, 'https://[::2]:8443/a/b?c=d%20e']);
  assert.deepEqual(await ask({ host: HOST_NAME, 'x-forwarded-proto': 'https' }), [200, '']);
  assert.deepEqual(await ask({ host: 'shop-router' }), [200, '']);
  assert.deepEqual(await ask({ host: 'SHOP-ROUTER:80' }), [200, '']);
  assert.deepEqual(await ask({ host: '[::1]:80' }), [200, '']);
});

test('with HTTPS and without a redirect, HTTP is served as before', async () => {
  const { router } = await running();
  const answer = await fetch(`http://${HOST}:${router.port}/`, { redirect: 'manual' });
  assert.equal(answer.status, 200);
  await answer.text();
});

test('a certificate is renewed under load: no request fails, no connection ends, new ones see the new one', async () => {
  const { router, port, renew } = await running();
  const load = new Http2Load(`https://${HOST}:${port}`, ['ann', 'ben', 'cem']);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  resources.defer(() => agent.destroy());
  const kept = { port, agent };
  assert.equal((await askSecurely(kept)).status, 200);
  const worker = await workerOf(router);
  for (let turn = 1; turn <= 5; turn += 1) {
    const { pem } = await makeCertificate(`renewed-${turn}`);
    const before = load.answered;
    await renew(pem);
    assert.equal(await shownCertificate(HOST, port), `renewed-${turn}`);
    await eventually('the load goes on', () => load.answered >= before + 20);
    assert.equal((await askSecurely(kept)).status, 200);
  }
  await load.end();
  assert.deepEqual(load.failures, []);
  assert.deepEqual(
    load.clients.map(({ connections }) => connections),
    [1, 1, 1],
  );
  assert.equal(await workerOf(router), worker, 'no reload');
});

test('a reload asks clients of HTTP/2 to connect again, and fails none of their requests', async () => {
  const { port, reload } = await running();
  const load = new Http2Load(`https://${HOST}:${port}`, ['ann', 'ben', 'cem', 'dora']);
  for (let turn = 1; turn <= 3; turn += 1) {
    await reload(`reload-${turn}`);
    const before = load.answered;
    await eventually('the load goes on', () => load.answered >= before + 20);
    await eventually('all have come to the new worker', () =>
      load.clients.every(({ connections }) => connections > turn),
    );
  }
  await load.end();
  assert.deepEqual(load.failures, []);
});

test('HAProxy refuses a certificate with the key of another one, and goes on with the one before, also after a reload', async () => {
  const { port, renew, reload } = await running();
  const [one, other] = await Promise.all([makeCertificate('one'), makeCertificate('other')]);
  await assert.rejects(renew(one.certificate + other.key), CommandRefused);
  assert.equal(await shownCertificate(HOST, port), 'first');
  await renew(one.pem);
  assert.equal(await shownCertificate(HOST, port), 'one');
  await assert.rejects(renew(one.certificate + other.key), CommandRefused);
  await reload('second');
  assert.equal(await shownCertificate(HOST, port), 'one');
});
