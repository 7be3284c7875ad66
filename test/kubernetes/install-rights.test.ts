/** The rights of the controller and of the routers, compared with what the API server was really asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kubeconfigConnection } from '../../src/platform/kubernetes/api/kubeconfig.ts';
import { KubeClient } from '../../src/platform/kubernetes/api/kube-client.ts';
import { isForbidden } from '../../src/platform/kubernetes/api/kube-error.ts';
import { RESOURCE_TYPES } from '../../src/platform/kubernetes/api/kube-object.ts';
import { auditLog, type AuditedRequest } from './support/audit.ts';
import { CONTROLLER_USER } from './support/controllers.ts';
import { Community, type Change } from './support/community.ts';
import { CONTROLLER_NAMESPACE, startHoldfast, type Holdfast } from './support/holdfast.ts';
import { ownedObjects } from './support/state.ts';

const NAMESPACE = 'install-rights';
const ROUTER_USER = `system:serviceaccount:${NAMESPACE}:community-router`;
/** Until everything that nobody wants any more is gone; ms. */
const GONE = 90_000;

/**
 * Needed without being asked for here: where owner references are protected, an owner's finalizers; what the
 * routers are given, since nobody can give a right that he lacks; and what a dead node asks for.
 */
const UNASKED = [
  'update holdfast.dev/apps/finalizers',
  'patch /pods/status',
  'list discovery.k8s.io/endpointslices',
  'watch discovery.k8s.io/endpointslices',
];

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** Everything that an application can have, and a Secret of the user's. */
const everything: Change = ({ router, services }) => {
  router['ingress'] = { host: 'community.example' };
  services.community.env['MAIL'] = { secret: 'mail', key: 'password' };
};
/** It asks for a database only when a member does; without an address it does not even start. */
const ADDRESS = "process.env.DATABASE_URL = 'mysql://nobody:none@127.0.0.1:1/none'";

/** What is left of that: one service, which gets ready without a database. */
const little: Change = (spec) => {
  const { community } = spec.services;
  community.health.ready = '/live';
  community.env['NODE_OPTIONS'] = { value: `--import=data:text/javascript,${encodeURIComponent(ADDRESS)}` };
  community.env['TOKEN_KEY'] = { generate: 32 };
  community.instances = { min: 2, max: 2 };
  Object.assign(spec, { services: { community }, routes: { '/': 'community' } });
  for (const key of ['database', 'migrations', 'router']) Reflect.deleteProperty(spec, key);
};

test('the controller and the routers have the rights that they use, and no others', async () => {
  await using holdfast = await startHoldfast();
  assert.ok(holdfast.cluster.isOwn, 'this test reads the audit log: it needs a cluster of its own');
  const start = Date.now();
  await using app = await Community.in(holdfast, NAMESPACE);
  await app.create('v1', 'Secret', 'mail', { stringData: { password: 'secret' } });
  await app.apply(everything);
  await app.ready();
  await assertGrows(holdfast, app);
  await app.apply(little);
  await app.ready();
  await app.until('what nobody wants any more is gone', GONE, async () => {
    const left = (await ownedObjects(app)).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    return !left.some(
      (name) => /login|database$|urls|migrate|HorizontalPodAutoscaler|Ingress/.test(name) && name !== KEPT,
    );
  });

  const requests = await auditLog(holdfast.cluster);
  const ofController = requests.filter(({ user }) => user === CONTROLLER_USER);
  assert.deepEqual(new Set([...used(ofController), ...UNASKED]), granted(await controllerRules(holdfast)));
  const ofRouters = requests.filter(({ user, at }) => user === ROUTER_USER && at >= start);
  assert.deepEqual(used(ofRouters), granted(await rulesOf(holdfast, 'role/community-router', NAMESPACE)));

  const refused = async (): Promise<string[]> =>
    (await auditLog(holdfast.cluster))
      .filter(
        ({ at, user, code }) => at >= start && code === 403 && [CONTROLLER_USER, ROUTER_USER].includes(user),
      )
      .map(({ user, verb, resource }) => `${user} may not ${verb} ${resource}`);
  assert.deepEqual(await refused(), []);
  // That a refusal would have been seen: one is brought about with the controller's own token.
  await assert.rejects(
    withControllersToken(holdfast, (client) => client.remove(RESOURCE_TYPES.Node, { name: 'x' })),
    isForbidden,
  );
  assert.deepEqual(await refused(), [`${CONTROLLER_USER} may not delete nodes`]);
});

/** Passwords of a database stay like its data. */
const KEPT = 'Secret/community-database';

/** The volume grows, the StatefulSet is another, and the database's pod goes on. */
async function assertGrows({ client }: Holdfast, app: Community): Promise<void> {
  const standard = { name: 'standard' };
  await client.mergePatch(RESOURCE_TYPES.StorageClass, standard, { allowVolumeExpansion: true });
  try {
    const set = await app.get(RESOURCE_TYPES.StatefulSet, 'community-database');
    const [pod] = await app.pods('database');
    await app.apply(({ database }) => Object.assign(database, { storage: '2Gi' }));
    await app.until('the claim asks for more', GONE, async () => {
      const claim = await app.get(RESOURCE_TYPES.PersistentVolumeClaim, 'data-community-database-0');
      return JSON.stringify(claim).includes('"storage":"2Gi"');
    });
    await app.until('there is another StatefulSet', GONE, async () => {
      const now = await app.get(RESOURCE_TYPES.StatefulSet, 'community-database');
      return now !== undefined && now.metadata.uid !== set?.metadata.uid;
    });
    await app.ready();
    assert.equal((await app.pods('database'))[0]?.metadata.uid, pod?.metadata.uid);
  } finally {
    await client.mergePatch(RESOURCE_TYPES.StorageClass, standard, { allowVolumeExpansion: null });
  }
}

/** `verb group/resource` of each kind of request. An apply that makes an object needs the right to create it, too. */
function used(requests: readonly AuditedRequest[]): Set<string> {
  const asked = requests.filter(({ code }) => code !== 403);
  return new Set(
    asked.flatMap(({ verb, group, resource, code }) => {
      const verbs = verb === 'patch' && code === 201 ? ['patch', 'create'] : [verb];
      return verbs.map((each) => `${each} ${group}/${resource}`);
    }),
  );
}

function granted(rules: readonly Rule[]): Set<string> {
  return new Set(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    ),
  );
}

async function controllerRules(holdfast: Holdfast): Promise<Rule[]> {
  const everywhere = await rulesOf(
    holdfast,
    `clusterrole/${CONTROLLER_NAMESPACE}-holdfast`,
    CONTROLLER_NAMESPACE,
  );
  return [...everywhere, ...(await rulesOf(holdfast, 'role/holdfast-leader', CONTROLLER_NAMESPACE))];
}

async function rulesOf({ cluster }: Holdfast, role: string, namespace: string): Promise<readonly Rule[]> {
  const text = await cluster.kubectl(['get', role, '-n', namespace, '-o', 'json']);
  return (JSON.parse(text) as { rules: readonly Rule[] }).rules;
}

async function withControllersToken(
  { cluster }: Holdfast,
  use: (client: KubeClient) => Promise<unknown>,
): Promise<void> {
  const token = await cluster.kubectl(['create', 'token', 'holdfast', '-n', CONTROLLER_NAMESPACE]);
  const connection = await kubeconfigConnection({ env: { KUBECONFIG: cluster.kubeconfig } });
  const credentials = (): Promise<{ token: string }> => Promise.resolve({ token: token.trim() });
  const client = new KubeClient(
    { ...connection, credentials },
    { userAgent: 'holdfast-tests', manager: 'tests' },
  );
  try {
    await use(client);
  } finally {
    client.close();
  }
}
