/** HTTPS at the routers of a cluster: a Secret that comes late, and is renewed under load. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { RESOURCE_TYPES, type KubeObject } from '../../src/platform/kubernetes/api/kube-object.ts';
import {
  HOST_NAME,
  makeCertificate,
  shownCertificate,
  type TestCertificate,
} from '../support/certificates.ts';
import { Http2Load } from '../support/http2-load.ts';
import { Community, isReady } from './support/community.ts';
import { migrationsWithMembers } from './support/example.ts';
import { startHoldfast, type Holdfast } from './support/holdfast.ts';

const SECRET = 'community-tls';
const REACTION = 60_000;

describe('HTTPS at the routers', () => {
  let holdfast: Holdfast;
  let app: Community;
  /** Of the routers' Service. */
  let address: string;
  before(async () => {
    holdfast = await startHoldfast({ nodes: 1 });
    app = await Community.in(holdfast, 'https', await migrationsWithMembers());
  });
  after(() => holdfast?.[Symbol.asyncDispose]());

  const put = async ({ certificate, key }: TestCertificate): Promise<void> => {
    await app.client.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: SECRET, namespace: app.namespace },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': certificate, 'tls.key': key },
    } as KubeObject);
  };
  const shownEverywhere = async (name: string): Promise<boolean> => {
    const shown = (await app.pods('router')).map(({ status }) => shownCertificate(status?.podIP ?? '', 8443));
    return shown.length === 2 && (await Promise.all(shown)).every((found) => found === name);
  };

  it('says that the Secret is missing, and serves as soon as it is there', async () => {
    await app.apply((spec) => Object.assign(spec.router, { tls: { secret: SECRET } }));
    await app.until('its condition names the Secret', 2 * REACTION, async () =>
      /router\.tls: the Secret "community-tls" does not exist/.test(
        (await app.condition('Ready'))?.message ?? '',
      ),
    );
    await put(await makeCertificate('first'));
    await app.ready();
    assert.ok(await shownEverywhere('first'));
    address = new URL(await app.url()).hostname;
    assert.equal(await shownCertificate(address, 443), 'first');
  });

  it('takes a renewed certificate under load, with the same connections and the same pods', async () => {
    const pods = async (): Promise<string[]> =>
      (await app.pods()).map(({ metadata }) => metadata.uid ?? '').sort();
    const before = await pods();
    const load = new Http2Load(`https://${address}`, ['ann', 'ben', 'cem', 'dora']);
    await put(await makeCertificate('second'));
    await app.until('all routers show it', REACTION, () => shownEverywhere('second'));
    await load.end();
    assert.deepEqual(load.failures, []);
    assert.ok(load.answered > 0);
    assert.ok(load.clients.every(({ connections }) => connections === 1));
    assert.deepEqual(await pods(), before);
  });

  it('replaces its routers under clients of HTTP/2 without a failed request', async () => {
    const load = new Http2Load(`https://${address}`, ['ann', 'ben', 'cem', 'dora', 'eva', 'finn']);
    for (const { metadata } of await app.pods('router')) {
      await app.client.remove(RESOURCE_TYPES.Pod, { namespace: app.namespace, name: metadata.name });
      await app.until(`${metadata.name} is replaced`, 3 * REACTION, async () => {
        const routers = await app.pods('router');
        return (
          routers.length === 2 && routers.every((pod) => isReady(pod) && pod.metadata.uid !== metadata.uid)
        );
      });
    }
    await load.end();
    assert.deepEqual(load.failures, []);
    assert.ok(load.clients.some(({ connections }) => connections > 1));
  });

  it('sends users of HTTP to HTTPS, and lets services call by the name of the routers', async () => {
    const asked = async (host: string): Promise<readonly [number, string]> => {
      const outgoing = request(`http://${address}/`, { headers: { host } }).end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      response.resume();
      return [response.statusCode ?? 0, response.headers.location ?? ''];
    };
    assert.deepEqual(await asked(HOST_NAME), [308, `https://${HOST_NAME}/`]);
    assert.deepEqual(await asked('community-router'), [200, '']);
  });

  it('lets routers read this Secret and no other', async () => {
    const who = `--as=system:serviceaccount:${app.namespace}:community-router`;
    const may = async (...args: string[]): Promise<string> =>
      (
        await holdfast.cluster
          .kubectl(['auth', 'can-i', ...args, who, `--namespace=${app.namespace}`])
          .catch(() => 'no')
      ).trim();
    assert.equal(await may('watch', `secrets/${SECRET}`), 'yes');
    assert.equal(await may('list', 'secrets'), 'no');
    assert.equal(await may('get', 'secrets/community-urls'), 'no');
  });
});
