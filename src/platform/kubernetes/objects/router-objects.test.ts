import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCertificate } from '../../../../test/support/certificates.ts';
import { FULL, NAMESPACE, surroundings } from '../../../../test/simulation/rendered.ts';
import { appFromData } from '../../../app/parse.ts';
import { decodeStructure } from '../../../routing/published-structure.ts';
import type { Secret } from '../observe/kinds.ts';
import { routerLayer } from './application-objects.ts';
import type { Manifest } from './manifest.ts';
import { certificateProblem } from './router-certificate.ts';
import { routingStructure } from './routing-structure.ts';

const HTTPS = { secret: 'shop-tls', nodePort: 30443 };

const secure = (router: object): ReturnType<typeof appFromData> =>
  appFromData({ ...FULL, router: { service: 'NodePort', tls: HTTPS, ...router } });

function objectsOf(app: ReturnType<typeof appFromData>): (kind: string) => Manifest {
  const objects = routerLayer(app, surroundings());
  return (kind) => {
    const found = objects.find(({ manifest }) => manifest.kind === kind)?.manifest;
    assert.ok(found !== undefined, kind);
    return found;
  };
}

function tlsSecret(crt: string, key: string): Secret {
  const data = {
    'tls.crt': Buffer.from(crt).toString('base64'),
    'tls.key': Buffer.from(key).toString('base64'),
  };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'shop-tls', namespace: NAMESPACE }, data };
}

test('with HTTPS routers may watch the one Secret, listen at another port, and the Service has 443', () => {
  const of = objectsOf(secure({}));
  assert.deepEqual(
    (of('Role')['rules'] as readonly object[]).filter((rule) => JSON.stringify(rule).includes('secrets')),
    [{ apiGroups: [''], resources: ['secrets'], resourceNames: ['shop-tls'], verbs: ['list', 'watch'] }],
  );
  assert.deepEqual((of('Service')['spec'] as { ports: unknown }).ports, [
    { name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' },
    { name: 'https', port: 443, protocol: 'TCP', targetPort: 'https', nodePort: 30443 },
  ]);
  assert.match(JSON.stringify(of('Deployment')), /\{"name":"https","containerPort":8443,"protocol":"TCP"\}/);
});

test('without HTTPS routers may read no Secret and nothing of it is there', () => {
  const of = objectsOf(appFromData(FULL));
  for (const kind of ['Role', 'Service', 'Deployment', 'ConfigMap'])
    assert.doesNotMatch(JSON.stringify(of(kind)), /secrets"|https|443/, kind);
});

test('users are redirected to the port that they reach, and calls inside the cluster are not', () => {
  const redirectOf = (router: object): unknown => {
    const { structure = '' } = objectsOf(secure(router))('ConfigMap')['data'] as { structure?: string };
    return decodeStructure(structure).tls?.redirect;
  };
  const except = [
    'shop-router',
    'shop-router.team',
    'shop-router.team.svc',
    'shop-router.team.svc.cluster.local',
  ];
  assert.deepEqual(redirectOf({}), { port: 30443, except });
  assert.deepEqual(redirectOf({ service: 'LoadBalancer' }), { port: 443, except });
  assert.equal(redirectOf({ tls: { ...HTTPS, redirect: false } }), undefined);
});

test('another Secret or redirect is another structure, which routers have to take over', () => {
  const structureOf = (router: object): string => routingStructure(secure(router), NAMESPACE).generation;
  const variants = [{}, { tls: { secret: 'other' } }, { tls: { ...HTTPS, redirect: false } }];
  assert.equal(new Set(variants.map(structureOf)).size, variants.length);
  assert.equal(structureOf({ instances: 5 }), structureOf({}));
});

const pair = await makeCertificate('shop');
const usable = tlsSecret(pair.certificate, pair.key);

test('a Secret that is missing, has no usable certificate, or one that ends soon, is named', async () => {
  const other = await makeCertificate('other');
  const problem = (found: Secret | undefined, now = Date.now()): string | undefined =>
    certificateProblem(secure({}), (name) => (name === 'shop-tls' ? found : undefined), now);
  assert.equal(
    problem(undefined),
    'router.tls: the Secret "shop-tls" does not exist; it needs tls.crt and tls.key',
  );
  assert.match(
    problem(tlsSecret(pair.certificate, other.key)) ?? '',
    /^router\.tls: the Secret "shop-tls": tls\.key is not the key/,
  );
  assert.equal(problem(usable), undefined);
  assert.match(problem(usable, Date.now() + 85 * 86_400_000) ?? '', /the certificate ends on/);
  assert.equal(
    certificateProblem(appFromData(FULL), () => undefined, 0),
    undefined,
  );
});
