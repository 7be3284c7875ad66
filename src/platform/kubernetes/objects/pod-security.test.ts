/** Every pod passes the restricted Pod Security Standard (https://kubernetes.io/docs/concepts/security/pod-security-standards/). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FULL, podTemplates, rendered } from '../../../../test/simulation/rendered.ts';

interface Security {
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly procMount?: string;
  readonly seccompProfile?: { readonly type: string };
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly sysctls?: readonly unknown[];
  readonly windowsOptions?: unknown;
  readonly seLinuxOptions?: unknown;
  readonly appArmorProfile?: unknown;
}

interface Container {
  readonly name: string;
  readonly securityContext?: Security;
  readonly ports?: readonly { readonly hostPort?: number }[];
}

interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: Security;
  readonly initContainers?: readonly Container[];
  readonly containers?: readonly Container[];
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
}

const VOLUMES = new Set([
  'name',
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

/** What the standard does not allow, in words. Of some baseline fields it is enough for us not to use them at all. */
function violations(pod: PodSpec): string[] {
  const { securityContext = {}, initContainers = [], containers = [], volumes = [] } = pod;
  const containersHere = [...initContainers, ...containers];
  return [
    ...(['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((key) => pod[key] === true),
    ...volumes.flatMap((volume) => Object.keys(volume).filter((key) => !VOLUMES.has(key))),
    ...unusual(securityContext),
    ...(JSON.stringify(pod).includes('"host":') ? ['a probe or a hook names a host'] : []),
    ...containersHere.flatMap((container) =>
      ofContainer(container, securityContext).map((what) => `${container.name}: ${what}`),
    ),
  ];
}

function ofContainer({ securityContext: own = {}, ports = [] }: Container, pod: Security): string[] {
  const { capabilities: { add = [], drop = [] } = {} } = own;
  // What a container says goes before what its pod says.
  const { runAsNonRoot, runAsUser, seccompProfile } = { ...pod, ...own };
  const rules: [string, boolean][] = [
    ['allowPrivilegeEscalation', own.allowPrivilegeEscalation === false],
    ['runAsNonRoot', runAsNonRoot === true],
    ['runAsUser', runAsUser !== 0],
    ['seccompProfile', ['RuntimeDefault', 'Localhost'].includes(seccompProfile?.type ?? '')],
    ['capabilities.drop', drop.includes('ALL')],
    ['capabilities.add', add.every((name) => name === 'NET_BIND_SERVICE')],
    ['hostPort', ports.every(({ hostPort = 0 }) => hostPort === 0)],
  ];
  return [...rules.filter(([, holds]) => !holds).map(([rule]) => rule), ...unusual(own)];
}

function unusual(security: Security): string[] {
  const { privileged, procMount, sysctls, windowsOptions, seLinuxOptions, appArmorProfile } = security;
  const used = { privileged, procMount, sysctls, windowsOptions, seLinuxOptions, appArmorProfile };
  return Object.entries(used).flatMap(([key, value]) =>
    value === undefined || value === false ? [] : [key],
  );
}

const KINDS = [
  'Deployment shop-login',
  'Deployment shop-pages',
  'Deployment shop-router',
  'StatefulSet shop-database',
];

for (const migrations of [{ image: 'migrations:1' }, { configMap: 'shop-files' }]) {
  test(`every pod passes the restricted standard, with migrations from ${JSON.stringify(migrations)}`, () => {
    const templates = podTemplates(rendered({ ...FULL, migrations }));
    assert.deepEqual([...templates.keys()].filter((name) => !name.startsWith('Job ')).toSorted(), KINDS);
    assert.equal(templates.size, KINDS.length + 2, 'and a Job for each phase');
    for (const [name, { spec }] of templates) assert.deepEqual(violations(spec as PodSpec), [], name);
  });
}

test('the check finds what the standard does not allow', () => {
  const fine: Security = {
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
    capabilities: { drop: ['ALL'] },
  };
  const found = (own: Security, pod: PodSpec = {}): string[] =>
    violations({ containers: [{ name: 'c', securityContext: { ...fine, ...own } }], ...pod });
  assert.deepEqual(found({}), []);
  assert.deepEqual(found({ runAsNonRoot: false }), ['c: runAsNonRoot']);
  assert.deepEqual(found({ runAsUser: 0 }), ['c: runAsUser']);
  assert.deepEqual(found({ privileged: true }), ['c: privileged']);
  assert.deepEqual(found({ allowPrivilegeEscalation: true }), ['c: allowPrivilegeEscalation']);
  assert.deepEqual(found({ seccompProfile: { type: 'Unconfined' } }), ['c: seccompProfile']);
  assert.deepEqual(found({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }), ['c: capabilities.add']);
  assert.deepEqual(found({ capabilities: {} }), ['c: capabilities.drop']);
  assert.deepEqual(found({}, { hostNetwork: true }), ['hostNetwork']);
  assert.deepEqual(found({}, { volumes: [{ name: 'v', hostPath: {} }] }), ['hostPath']);
  assert.deepEqual(violations({ initContainers: [{ name: 'i' }] }), [
    'i: allowPrivilegeEscalation',
    'i: runAsNonRoot',
    'i: seccompProfile',
    'i: capabilities.drop',
  ]);
});

test('pods of Holdfast itself write into volumes only, as a user of their own', () => {
  const templates = podTemplates(rendered(FULL));
  for (const [name, { spec }] of templates) {
    const { initContainers = [], containers = [] } = spec as PodSpec & Record<string, unknown>;
    const own = [...initContainers, ...containers].filter((c) =>
      JSON.stringify(c).includes('"image":"holdfast'),
    );
    for (const { name: container, securityContext } of own) {
      const { readOnlyRootFilesystem, runAsUser } = securityContext as Security & {
        readOnlyRootFilesystem?: boolean;
      };
      assert.deepEqual([readOnlyRootFilesystem, runAsUser], [true, 10_001], `${name} ${container}`);
    }
  }
});

test('only routers have rights in the cluster, and only to read what is theirs', () => {
  const objects = rendered(FULL);
  const withToken = [...podTemplates(objects)].filter(
    ([, { spec }]) => spec['automountServiceAccountToken'] !== false,
  );
  assert.deepEqual(
    withToken.map(([name]) => name),
    ['Deployment shop-router'],
  );
  const { rules } = objects.find(({ kind }) => kind === 'Role') as unknown as {
    rules: readonly {
      resources: readonly string[];
      resourceNames?: readonly string[];
      verbs: readonly string[];
    }[];
  };
  const writing = rules
    .flatMap(({ verbs }) => verbs)
    .filter((verb) => !['get', 'list', 'watch'].includes(verb));
  assert.deepEqual(writing, []);
  assert.ok(!rules.some(({ resources }) => resources.includes('secrets')));
  const maps = rules.find(({ resources }) => resources.includes('configmaps'));
  assert.deepEqual(maps?.resourceNames, ['shop-routing', 'shop-login-owners']);
});
