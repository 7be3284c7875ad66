import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { appFromData } from '../../../app/parse.ts';
import {
  FULL,
  IMAGES,
  podTemplates,
  prepared,
  rendered,
  type PodTemplate,
} from '../../../../test/simulation/rendered.ts';
import type { Surroundings } from './application-objects.ts';
import type { Manifest } from './manifest.ts';

/** A change of the file or of what surrounds it. */
interface Change {
  readonly login?: object;
  readonly spec?: object;
  readonly around?: Partial<Surroundings>;
}

/** The objects after a change, where those before it are deployed. */
function changed(before: readonly Manifest[], { login = {}, spec = {}, around = {} }: Change): Manifest[] {
  const services = { ...FULL.services, login: { ...FULL.services.login, ...login } };
  const found = (kind: string, name: string): Manifest | undefined =>
    before.find((object) => object.kind === kind && object.metadata.name === name);
  return rendered(
    { ...FULL, services, ...spec },
    {
      secret: (name) => found('Secret', name),
      deployed: (service) => found('Deployment', `shop-${service}`)?.metadata.annotations,
      ...around,
    },
  );
}

function template(objects: readonly Manifest[], name = 'login'): PodTemplate | undefined {
  return podTemplates(objects).get(`Deployment shop-${name}`);
}

/** What is deployed once the Secrets are there and nothing is due any more. */
function deployed(): Manifest[] {
  const first = rendered(FULL);
  return changed(first, {});
}

const OWN: Readonly<Record<string, Change>> = {
  image: { login: { image: 'login:2' } },
  'a variable': { login: { env: { ...FULL.services.login.env, MODE: { value: '2' } } } },
  'another source of a variable': {
    login: { env: { ...FULL.services.login.env, MODE: { secret: 'mail', key: 'mode' } } },
  },
  'one variable less': { login: { env: { TOKEN: { generate: 32 } } } },
  cpu: { login: { resources: { cpu: '500m', memory: '256Mi' } } },
  memory: { login: { resources: { cpu: '250m', memory: '512Mi' } } },
  'the readiness path': { login: { health: { ready: '/other', live: '/live' } } },
  'no liveness path': { login: { health: { ready: '/ready' } } },
  'the time to start': { login: { health: { ready: '/ready', live: '/live', start: '90s' } } },
  'the time to drain': { login: { stateful: { key: { header: 'x-user' }, drain: '90s' } } },
  'the time to stop': { login: { stop: '77s' } },
  'a restart by hand': { around: { restarts: { login: 1 } } },
};

const ELSEWHERE: Readonly<Record<string, Change>> = {
  'the migrations’ image': { spec: { migrations: { image: 'migrations:2' } } },
  'migrations from a ConfigMap': { spec: { migrations: { configMap: 'files' } } },
  'no migrations': { spec: { migrations: undefined } },
  'Holdfast’s images': {
    around: { images: { ...IMAGES, holdfast: 'holdfast:2', database: 'holdfast-database:2' } },
  },
  'instance counts': { login: { instances: { min: 3, max: 9 } } },
  'a number asked for by hand': { around: { count: () => 4 } },
  routes: { spec: { routes: { '/elsewhere': 'login', '/': 'pages' } } },
  'the number of routers': { spec: { router: { instances: 5 } } },
  'the database’s memory': { spec: { database: { topology: 'single', storage: '2Gi', memory: '512Mi' } } },
  'a restart of another service': { around: { restarts: { pages: 1 } } },
};

for (const [what, change] of Object.entries(OWN)) {
  test(`instances are replaced for ${what}, and those of other services are not`, () => {
    const before = deployed();
    const after = changed(before, change);
    assert.notDeepEqual(template(after), template(before));
    assert.notEqual(annotation(template(after)), annotation(template(before)), 'and they can be told apart');
    assert.deepEqual(template(after, 'pages'), template(before, 'pages'));
  });
}

for (const [what, change] of Object.entries(ELSEWHERE)) {
  test(`no instance is replaced for ${what}`, () => {
    const before = deployed();
    const after = changed(before, change);
    assert.deepEqual(template(after), template(before));
    if (change.around?.restarts === undefined)
      assert.deepEqual(template(after, 'pages'), template(before, 'pages'));
  });
}

test('any mix of changes replaces instances exactly when one of them is the service’s own', () => {
  const changes = [...Object.entries(OWN), ...Object.entries(ELSEWHERE)];
  const before = deployed();
  fc.assert(
    fc.property(fc.subarray(changes, { maxLength: 4 }), (mix) => {
      const all = mix.reduce<Required<Change>>(
        (sum, [, { login, spec, around }]) => ({
          login: { ...sum.login, ...login },
          spec: { ...sum.spec, ...spec },
          around: { ...sum.around, ...around },
        }),
        { login: {}, spec: {}, around: {} },
      );
      // A later change of the same key takes an earlier one back.
      const isOwn = mix.some(([what, { login = {} }]) => {
        const stands = Object.entries(login).every(
          ([key, value]) => (all.login as Record<string, unknown>)[key] === value,
        );
        return (
          what in OWN && stands && (what !== 'a restart by hand' || all.around.restarts?.['login'] === 1)
        );
      });
      const after = changed(before, all);
      assert.equal(annotation(template(after)) !== annotation(template(before)), isOwn);
      assert.equal(JSON.stringify(template(after)) !== JSON.stringify(template(before)), isOwn);
    }),
    { numRuns: 150 },
  );
});

test('a rotated secret replaces the instances that have it, and says nothing of what it is', () => {
  const before = deployed();
  const after = changed(before, {
    around: { secret: (name) => (name === 'mail' ? secret('bmV3') : stored(before, name)) },
  });
  assert.notDeepEqual(template(after), template(before));
  assert.deepEqual(template(after, 'pages'), template(before, 'pages'));
});

test('before anything is in force, instances wait for the set that is wanted, not for one that failed', () => {
  const migrations = { image: 'migrations:2' };
  const filesOf = (isInForce: boolean): unknown => {
    const after = changed(deployed(), { spec: { migrations }, around: { isInForce } });
    return (template(after)?.spec['initContainers'] as readonly { image: string }[] | undefined)?.[0]?.image;
  };
  assert.deepEqual([filesOf(false), filesOf(true)], ['migrations:2', 'migrations:1']);
});

test('an instance that is replaced anyway gets what Holdfast adds as it is by now', () => {
  const before = deployed();
  const images = { ...IMAGES, holdfast: 'holdfast:2', database: 'holdfast-database:2' };
  const after = changed(before, { login: { image: 'login:2' }, around: { images } });
  const initContainers = (template(after)?.spec['initContainers'] ?? []) as readonly { image: string }[];
  assert.deepEqual(
    initContainers.map(({ image }) => image),
    ['migrations:1', 'holdfast-database:2', 'holdfast:2'],
  );
});

test('an autoscaler’s number is its own once there is something to scale', () => {
  const replicas = (objects: readonly Manifest[], name: string): unknown => {
    const found = objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name);
    return (found?.['spec'] as { replicas?: number } | undefined)?.replicas;
  };
  const first = rendered(FULL);
  assert.deepEqual([replicas(first, 'shop-login'), replicas(first, 'shop-pages')], [2, 2]);
  const second = changed(first, {});
  assert.deepEqual([replicas(second, 'shop-login'), replicas(second, 'shop-pages')], [2, undefined]);
  const scaler = first.find(({ kind }) => kind === 'HorizontalPodAutoscaler');
  assert.equal(scaler?.metadata.name, 'shop-pages');
});

test('where sessions are handed over, instances know their port and a token of their service only', () => {
  const objects = handingOver();
  const pod = template(objects)?.spec as unknown as HandingOver;
  const own = pod.containers.find(({ name }) => name === 'login');
  const variables = Object.fromEntries(own?.env.map(({ name, value }) => [name, value]) ?? []);
  assert.equal(variables['HOLDFAST_SESSION_PORT'], '7071');
  assert.equal(variables['HOLDFAST_SESSION_KEY'], 'header:x-user');
  const folder = own?.volumeMounts.find(({ name }) => name === 'sessions')?.mountPath;
  assert.equal(variables['HOLDFAST_SESSION_TOKEN_FILE'], `${folder}/token`);
  assert.deepEqual(
    pod.volumes.find(({ name }) => name === 'sessions'),
    {
      name: 'sessions',
      secret: { secretName: 'shop-sessions', items: [{ key: 'login', path: 'token' }] },
    },
  );
  assert.deepEqual(Object.keys(stored(objects, 'shop-sessions')?.['data'] ?? {}), ['login']);
});

test('nobody is routed to the port for the hand-over, and the drain container asks there', () => {
  const objects = handingOver();
  const service = objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === 'shop-login');
  assert.ok(!JSON.stringify(service).includes('7071'));
  const pod = template(objects)?.spec as unknown as HandingOver;
  const drain = pod.initContainers.find(({ name }) => name === 'drain');
  assert.ok(drain !== undefined);
  assert.ok(drain.env.some(({ name }) => name === 'HOLDFAST_SESSION_PORT'));
  assert.ok(drain.volumeMounts.some(({ name }) => name === 'sessions'));
});

function handingOver(): Manifest[] {
  return changed(deployed(), { login: { stateful: { ...FULL.services.login.stateful, handoff: true } } });
}

interface HandingOver {
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
}

interface Container {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

test('preparing has no memory: the same input gives the same objects', () => {
  assert.deepEqual(rendered(FULL), rendered(FULL));
  assert.deepEqual(prepared(appFromData(FULL)).templates, prepared(appFromData(FULL)).templates);
});

function annotation(of: PodTemplate | undefined): string | undefined {
  return of?.metadata.annotations?.['holdfast.dev/template'];
}

function secret(password: string): Manifest {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'mail' }, data: { password } };
}

function stored(objects: readonly Manifest[], name: string): Manifest | undefined {
  return objects.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === name);
}
