/** The charts and the definition of App before a real API server. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { valueAt } from '../../src/app/raw-value.ts';
import type { Status } from '../../src/controller/status.ts';
import { appCustomResourceDefinition } from '../../src/platform/kubernetes/crd/app-definition.ts';
import { buildImages, startCluster, type TestCluster } from '../kubernetes/support/cluster.ts';
import { ciValues, exampleSpec } from './ci-values.ts';
import { helm, HELMS, podIn, program, template, type HelmVersion } from './helm.ts';
import { SCHEMA_LOCATION, writeObjectSchemas } from './object-schemas.ts';

const API_GROUPS = [
  'api/v1',
  'apis/apps/v1',
  'apis/batch/v1',
  'apis/policy/v1',
  'apis/networking.k8s.io/v1',
  'apis/rbac.authorization.k8s.io/v1',
  'apis/apiextensions.k8s.io/v1',
  'apis/holdfast.dev/v1alpha1',
];
const KUBECONFORM_TIMEOUT_MS = 60_000;

let cluster: TestCluster;

before(async () => {
  const started = await startCluster({ nodes: 1, images: await buildImages() });
  if (!started.isOwn) {
    await started.end();
    assert.fail('these tests remove definitions of a whole cluster: they need one of their own');
  }
  cluster = started;
  // An installation of other tests would write what these tests write.
  await cluster.kubectl([
    'delete',
    'namespace/holdfast-system',
    'crd/apps.holdfast.dev',
    '--ignore-not-found',
  ]);
  await apply(appCustomResourceDefinition());
  await cluster.kubectl(['wait', 'crd/apps.holdfast.dev', '--for=condition=Established', '--timeout=30s']);
  await apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'strict', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });
});

after(async () => {
  await cluster?.kubectl(['delete', 'crd/apps.holdfast.dev', 'namespace/strict', '--ignore-not-found']);
  await cluster?.end();
});

/** Like a user's `kubectl apply`, which refuses unknown fields. */
async function apply(object: object, ...args: string[]): Promise<string> {
  return cluster.kubectl(['apply', '--server-side', '-f', '-', ...args], JSON.stringify(object));
}

function appWith(spec: Readonly<Record<string, unknown>>): object {
  return {
    apiVersion: 'holdfast.dev/v1alpha1',
    kind: 'App',
    metadata: { name: 'community', namespace: 'default' },
    spec,
  };
}

/** What the API server says to the example with one service changed, or with other keys at the top. */
async function answer(service: object, top: object = {}): Promise<string> {
  const spec = exampleSpec();
  const { login, ...others } = spec['services'] as { login: object };
  const changed = { ...spec, services: { login: { ...login, ...service }, ...others }, ...top };
  // As it would be sent: a key with undefined is gone.
  const object = appWith(JSON.parse(JSON.stringify(changed)) as Record<string, unknown>);
  return apply(object, '--dry-run=server').catch(String);
}

test('the definition of App is structural', async () => {
  const text = await cluster.kubectl(['get', 'crd/apps.holdfast.dev', '--output=json']);
  const conditions = valueAt(JSON.parse(text), 'status', 'conditions') as { type: string }[];
  assert.deepEqual(
    conditions.map(({ type }) => type).toSorted((a, b) => (a < b ? -1 : 1)),
    ['Established', 'NamesAccepted'],
  );
});

test('an App with the keys of a file is taken as it is', async () => {
  assert.match(await answer({}), /community serverside-applied \(server dry run\)/);
  for (const { values } of ciValues().filter(({ chart }) => chart === 'app')) {
    const { global: _, ...spec } = values;
    const object = { ...appWith(spec), metadata: { name: spec['name'], namespace: 'default' } };
    const stored = await apply(object, '--dry-run=server', '--output=json');
    assert.deepEqual(valueAt(JSON.parse(stored), 'spec'), spec);
  }
});

const REFUSED: readonly (readonly [service: object, top: object, word: RegExp])[] = [
  [{ rnu: 'x' }, {}, /\.spec\.services\.login\.rnu: field not declared in schema/],
  [{ image: undefined }, {}, /spec\.services\.login\.image: Required value/],
  [{ stop: 5 }, {}, /spec\.services\.login\.stop: expected string/],
  [{ stop: '5' }, {}, /spec\.services\.login\.stop in body should match/],
  [{ env: { A: {} } }, {}, /services\[login\]\.env\[A\]: .*must have exactly one of value, generate/],
  [{ env: { A: { value: 'x', generate: 16 } } }, {}, /env\[A\]: .*must have exactly one of value, generate/],
  [{ env: { A: { secret: 'x' } } }, {}, /env\[A\]: .*secret together with key/],
  [{ env: { A: { from: 'HOME' } } }, {}, /env\[A\]: .*on a cluster write \{ secret: NAME, key: KEY \}/],
  [
    { env: { PORT: { value: '1' } } },
    {},
    /services\[login\]\.env: .*PORT, HOST, DATABASE_URL, INSTANCE, ROUTER_URL are/,
  ],
  [{ env: { 'a-b': { value: '1' } } }, {}, /services\[login\]\.env: .*each name in this map must match/],
  [{ instances: { max: 1 } }, {}, /services\[login\]\.instances: .*max is less than min, which is 2/],
  [{ instances: { cpu: '70%' } }, {}, /services\[login\]: .*cpu and memory are for stateless services/],
  [{ instances: { cpu: '70' } }, {}, /services\.login\.instances\.cpu in body should match/],
  [{}, { name: 'other' }, /metadata\.name must be the name of the application, spec\.name/],
  [{}, { routes: undefined }, /spec: .*routes: missing; with several services/],
  [{}, { routes: { '/': 'wbe' } }, /spec: .*routes: each path must lead to one of the services/],
  [{}, { routes: { login: 'login' } }, /spec\.routes: .*each name in this map must match/],
  [{}, { services: { Login: { image: 'x' } } }, /spec\.services: .*each name in this map must match/],
  [
    {},
    { services: { router: { image: 'x' } }, routes: {} },
    /cannot be called database, migrator, router, routers/,
  ],
  [{}, { services: { [`a${'b'.repeat(38)}`]: { image: 'x' } } }, /at most 45 characters together/],
  [{}, { router: { nodePort: 30_080 } }, /spec\.router: .*a ClusterIP has no port on the nodes/],
  [{}, { router: { service: 'Nodeport' } }, /spec\.router\.service: Unsupported value: "Nodeport"/],
  [{}, { database: { topology: 'galera' } }, /spec\.database\.topology: Unsupported value: "galera"/],
  [{}, { database: { topology: 'external' } }, /spec\.database: .*topology external needs it/],
  [
    {},
    { database: { topology: 'external', storage: '1Gi', url: { secret: 'a', key: 'b' } } },
    /spec\.database: .*the server is your own: only url/,
  ],
  [{}, { database: undefined }, /spec: .*migrations: there is no database beside it/],
  [{}, { migrations: { image: 'a', configMap: 'b' } }, /must not have image together with configMap/],
  [{}, { smoke: [{ path: 'x' }] }, /spec\.smoke\[0\]\.path in body should match/],
  [{}, { paused: 'yes' }, /spec\.paused: expected boolean/],
];

test('a wrong App is refused with a word that leads to the place', async () => {
  for (const [service, top, word] of REFUSED) assert.match(await answer(service, top), word);
});

type Complete<T> = { [K in keyof T]-?: T[K] };

/** A status with every field that there can be. */
const STATUS: Complete<Status> = {
  name: 'community',
  url: null,
  state: 'changing',
  services: [
    {
      name: 'login',
      stateful: true,
      wanted: 2,
      ready: 1,
      epoch: 3,
      copies: { alone: 1, incomplete: 2, pending: 3, silent: ['community-login-1'] },
      instances: [
        {
          id: 'community-login-1',
          state: 'leaving',
          pid: null,
          address: '10.0.0.1:8080',
          incarnation: 'a/1',
          since: 1_700_000_000_000,
          failures: 1,
          failed: true,
          share: 0.5,
          sessions: 7,
          warm: 0.3,
          pinned: 3,
          leaveBy: 1_700_000_000_001,
          problem: 'ended',
          node: 'node1',
        } satisfies Complete<Status['services'][number]['instances'][number]>,
      ],
    } satisfies Complete<Status['services'][number]>,
  ],
  database: {
    topology: 'single',
    state: 'ready',
    address: 'a:1',
    pid: 1,
    problem: 'none',
  } satisfies Complete<Status['database']>,
  migrations: {
    state: 'held',
    applied: 1,
    pending: 2,
    problem: 'V2',
    contract: { state: 'pending', files: ['V3__less.sql'], reason: 'waits' },
  } satisfies Complete<Status['migrations']>,
  router: { state: 'ready', pid: 2, problem: 'none' } satisfies Complete<Status['router']>,
  waiting: [{ part: 'login', reason: 'not ready' }],
};

test('a status is kept as it was written, or an unchanged App would be written for ever', async () => {
  await apply(appWith(exampleSpec()));
  const condition = {
    type: 'Ready',
    status: 'False',
    observedGeneration: 1,
    lastTransitionTime: '2026-01-01T00:00:00Z',
    reason: 'Changing',
    message: 'Wait.',
  };
  const status = { ...STATUS, observedGeneration: 1, conditions: [condition] };
  const app = JSON.parse(await cluster.kubectl(['get', 'app', 'community', '--output=json'])) as object;
  const replace = ['replace', '--subresource=status', '--output=json', '-f', '-'];
  const kept = await cluster.kubectl(replace, JSON.stringify({ ...app, status }));
  assert.deepEqual(valueAt(JSON.parse(kept), 'status'), status);
  await cluster.kubectl(['delete', 'app', 'community']);
});

test('every object of the charts fits the schemas of the API server, strictly', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-schemas-'));
  try {
    await writeObjectSchemas(folder, API_GROUPS, (path) => cluster.kubectl(['get', '--raw', path]));
    const conform = (objects: readonly object[]): string =>
      spawnSync(
        program('kubeconform'),
        ['-strict', '-summary', '-schema-location', join(folder, SCHEMA_LOCATION), '-'],
        {
          input: objects.map((object) => stringify(object)).join('---\n'),
          encoding: 'utf8',
          timeout: KUBECONFORM_TIMEOUT_MS,
        },
      ).stdout;
    for (const version of HELMS)
      for (const { chart, values } of ciValues())
        assert.match(conform(template(version, chart, values)), /Invalid: 0, Errors: 0, Skipped: 0/);
    const [pod = assert.fail('no pod')] = template('helm4', 'app', exampleSpec()).filter(
      ({ kind }) => kind === 'Pod',
    );
    assert.match(conform([{ ...pod, spce: {} }]), /spce[^]*Invalid: 1/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('every pod of the charts passes the restricted Pod Security Standard', async () => {
  const pods = ciValues().flatMap(({ chart, values }) =>
    template('helm4', chart, values).flatMap((object) => {
      const spec = podIn(object);
      return spec === undefined ? [] : [spec as object];
    }),
  );
  for (const spec of pods) {
    const plain = { ...spec, serviceAccountName: 'default', priorityClassName: undefined };
    const metadata = { name: 'pod', namespace: 'strict' };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: plain };
    assert.match(await apply(pod, '--dry-run=server'), /serverside-applied/);
  }
});

/** Runs Helm on the cluster. @throws with its words */
function run(version: HelmVersion, args: readonly string[], values: unknown = {}): string {
  const needsValues = ['install', 'upgrade'].includes(args[0] ?? '');
  const { code, stdout, stderr } = helm(version, [...args, '--namespace=strict'], {
    kubeconfig: cluster.kubeconfig,
    ...(needsValues ? { values } : {}),
  });
  if (code !== 0) throw new Error(`${version} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

for (const version of HELMS)
  test(`${version} installs, upgrades and removes the charts; the definition of App stays`, async () => {
    await cluster.kubectl(['delete', 'crd/apps.holdfast.dev', '--ignore-not-found']);
    const image = { repository: 'localhost/holdfast', tag: 'test', pullPolicy: 'Never' };
    assert.match(
      run(version, ['install', 'holdfast', 'charts/holdfast'], { image }),
      /looks after the Apps of/,
    );
    await cluster.kubectl(['wait', 'crd/apps.holdfast.dev', '--for=condition=Established', '--timeout=30s']);
    run(version, ['upgrade', 'holdfast', 'charts/holdfast'], { image, replicas: 1 });

    const global = { holdfast: { waitSeconds: 0 } };
    const values = { ...exampleSpec(), global };
    assert.match(run(version, ['install', 'front', 'charts/app'], values), /helm test front/);
    const spec = async (): Promise<unknown> =>
      valueAt(JSON.parse(await cluster.kubectl(['get', 'app/community', '-nstrict', '-ojson'])), 'spec');
    assert.deepEqual(await spec(), exampleSpec());
    const { smoke: _, ...changed } = exampleSpec();
    run(version, ['upgrade', 'front', 'charts/app'], { ...changed, global, paused: true });
    assert.deepEqual(await spec(), { ...changed, paused: true });
    run(version, ['rollback', 'front', '1']);
    assert.deepEqual(await spec(), exampleSpec());

    run(version, ['uninstall', 'front']);
    assert.equal(await cluster.kubectl(['get', 'apps', '--all-namespaces', '--output=name']), '');
    run(version, ['uninstall', 'holdfast']);
    assert.match(await cluster.kubectl(['get', 'crd', '--output=name']), /apps\.holdfast\.dev/);
    run(version, ['install', 'holdfast', 'charts/holdfast'], { image });
    run(version, ['uninstall', 'holdfast']);
  });

test('the controller may do its work in the namespace that it is given, and nothing elsewhere', async () => {
  run('helm4', ['install', 'holdfast', 'charts/holdfast'], { namespace: 'strict' });
  try {
    const who = '--as=system:serviceaccount:strict:holdfast';
    const may = async (namespace: string, ...what: readonly string[]): Promise<boolean> => {
      const said = await cluster.kubectl(['auth', 'can-i', ...what, who, '-n', namespace]).catch(() => 'no');
      return said.startsWith('yes');
    };
    for (const what of [
      ['create', 'secrets'],
      ['patch', 'deployments.apps'],
      ['update', 'apps.holdfast.dev', '--subresource=status'],
      ['update', 'configmaps'],
      ['delete', 'jobs.batch'],
      ['create', 'leases.coordination.k8s.io'],
      ['create', 'events.events.k8s.io'],
      ['watch', 'endpointslices.discovery.k8s.io'],
    ]) {
      assert.ok(await may('strict', ...what), what.join(' '));
      assert.ok(!(await may('default', ...what)), `${what.join(' ')} elsewhere`);
    }
    assert.ok(await may('default', 'list', 'nodes'));
    for (const what of ['pods', 'persistentvolumeclaims', 'apps.holdfast.dev'])
      assert.ok(!(await may('strict', 'delete', what)), what);
    // It hands rights to routers, and can hand over none that it lacks.
    const role = (rule: object): object => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'router', namespace: 'strict' },
      rules: [rule],
    });
    const read = { verbs: ['list', 'watch'] };
    const slices = { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], ...read };
    await apply(role(slices), who, '--dry-run=server');
    const pods = { apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] };
    await assert.rejects(apply(role(pods), who, '--dry-run=server'), /attempting to grant RBAC permissions/);
  } finally {
    run('helm4', ['uninstall', 'holdfast']);
  }
});
