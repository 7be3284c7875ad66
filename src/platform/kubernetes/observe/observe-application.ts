/** Everything that the planner needs to know of an application on a cluster. Reads a view of it, and asks the routers for users. */
import { defined } from '../../../app/defined.ts';
import type { App } from '../../../app/model.ts';
import { parseConnectionUrl } from '../../../database/connection-url.ts';
import type { OwnerTable } from '../../../routing/owner-table.ts';
import type {
  DatabaseObservation,
  InstanceObservation,
  MigrationsObservation,
  Observation,
} from '../../observation.ts';
import type { AppSessions } from '../app-sessions.ts';
import type { AppRef, ClusterView } from '../cluster-view.ts';
import { migrationSource } from '../objects/application-objects.ts';
import { databaseClaim, databasePod, namesOf, PORTS } from '../objects/names.ts';
import type { ClusterPrepared } from '../objects/prepared.ts';
import { claimProblem } from './claim-change.ts';
import type { ConfirmedRouters } from '../confirmed-routers.ts';
import { tokenSecret, type AskRouters, type RouterStates } from '../router-states.ts';
import {
  silentNodes,
  type ConfigMap,
  type Deployment,
  type Job,
  type Node,
  type PersistentVolumeClaim,
  type Pod,
  type Secret,
} from './kinds.ts';
import { observeDatabase } from './observe-database.ts';
import { observeInstances } from './observe-instances.ts';
import { observeMigrations } from './observe-migrations.ts';
import { observeObjects } from './observe-objects.ts';
import { observeRollout } from './observe-rollout.ts';
import { observeRouter } from './observe-router.ts';
import { observeScaling } from './observe-scaling.ts';
import { observeUsers } from './observe-users.ts';
import { expectedRouting, servingRouters } from './routing-lack.ts';

export interface ApplicationInput extends AppRef {
  readonly view: ClusterView;
  /** Of the App. */
  readonly uid: string;
  readonly wanted: ClusterPrepared;
  readonly inForce: ClusterPrepared;
  readonly scale: Readonly<Record<string, number>>;
  readonly tables: Readonly<Record<string, OwnerTable>>;
  /** Epochs of owner tables as they were last told; one that was deleted goes on from there. */
  readonly lastEpochs: Readonly<Record<string, number>>;
  readonly now: number;
  readonly routers: AskRouters;
  readonly confirmed: ConfirmedRouters;
  /** What is wrong with the certificate of the routers. */
  readonly certificateProblem?: string | undefined;
  readonly sessions: AppSessions;
}

export async function observeApplication(input: ApplicationInput): Promise<Observation> {
  const { view, namespace, name, inForce, scale, now } = input;
  const silent = silentNodes(view.all<Node>('Node'));
  const pods = view.of<Pod>('Pod', input);
  const token = view.get<Secret>('Secret', { namespace, name: tokenSecret(name) });
  const seen = observeInstances({ app: inForce.app, pods, silent, users: {} });
  const states = input.routers(pods, token);
  const users = await observeUsers(seen, inForce.app, scale, states);
  const withUsers = seen.map((instance) => ({ ...instance, ...defined({ users: users[instance.id] }) }));
  const tokens = sessionTokens(inForce.app, view.get('Secret', { namespace, name: namesOf(name).sessions }));
  const { instances, handOvers } = await input.sessions.observe({ instances: withUsers, pods, tokens });
  const deployment = (of: string): Deployment | undefined => view.get('Deployment', { namespace, name: of });
  const rollouts = inForce.app.services.map(({ name: service }) => {
    const own = instances.filter((instance) => instance.service === service);
    return [service, observeRollout(deployment(namesOf(name).service(service)), own)] as const;
  });
  const router = observeRouter({
    ...input,
    deployment: deployment(namesOf(name).router),
    pods,
    instances,
  });
  const serving = servingRouters(pods, silent);
  const lacks = router.state === 'ready' ? await routerLacks(input, { instances, serving, states }) : [];
  return {
    now,
    instances,
    handOvers,
    database: databaseOf(input, pods, silent),
    migrations: migrationsOf(input, pods),
    router: { ...router, ...defined({ problem: input.certificateProblem ?? router.problem }), lacks },
    objects: observeObjects(input),
    rollouts: Object.fromEntries(rollouts),
    scaling: observeScaling(inForce.app, (service) =>
      view.get('HorizontalPodAutoscaler', { namespace, name: namesOf(name).service(service) }),
    ),
  };
}

/** By service that hands sessions over. */
function sessionTokens(
  { services }: App,
  secret: Secret | undefined,
): Readonly<Record<string, string | undefined>> {
  const tokens = services.flatMap(({ name, stateful }) => {
    if (stateful?.handoff !== true) return [];
    const text = secret?.data?.[name];
    return [[name, text === undefined ? undefined : Buffer.from(text, 'base64').toString()] as const];
  });
  return Object.fromEntries(tokens);
}

interface Seen {
  readonly instances: readonly InstanceObservation[];
  readonly serving: readonly Pod[];
  readonly states: RouterStates;
}

async function routerLacks(
  { namespace, name, inForce, tables, confirmed }: ApplicationInput,
  { instances, serving, states }: Seen,
): Promise<readonly string[]> {
  if (serving.length === 0) return ['no router is ready'];
  return confirmed.lacks({
    app: `${namespace}/${name}`,
    routers: serving,
    expected: expectedRouting(inForce, tables, instances),
    ask: (router) => states.state(router),
  });
}

function databaseOf(
  { view, namespace, name, wanted }: ApplicationInput,
  pods: readonly Pod[],
  silent: ReadonlySet<string>,
): DatabaseObservation {
  const { database } = wanted.app;
  if (database === undefined) return { state: 'none' };
  // Nobody but the application itself asks a server that is the user's own.
  if (database.topology === 'external') return { state: 'ready', ...externalAddress(database) };
  const claim = view.get<PersistentVolumeClaim>('PersistentVolumeClaim', {
    namespace,
    name: databaseClaim(name),
  });
  const seen = observeDatabase({
    address: `${namesOf(name).database}:${PORTS.database}`,
    pod: pods.find((pod) => pod.metadata.name === databasePod(name)),
    claim,
    silent,
    hasDefaultStorage: database.storageClass !== undefined || hasDefaultClass(view),
  });
  return { ...seen, ...defined({ volumeProblem: claimProblem(database, claim, view.all('StorageClass')) }) };
}

function externalAddress(database: App['database']): { address?: string } {
  if (database?.topology !== 'external' || database.url.kind !== 'value') return {};
  const { host, port } = parseConnectionUrl(database.url.value);
  return { address: `${host}:${port}` };
}

function hasDefaultClass(view: ClusterView): boolean {
  return view
    .all('StorageClass')
    .some(({ metadata }) => metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true');
}

function migrationsOf(input: ApplicationInput, pods: readonly Pod[]): MigrationsObservation {
  const { view, namespace, wanted, inForce } = input;
  const files = migrationSource(wanted.app);
  const map =
    files !== undefined && 'configMap' in files
      ? view.get<ConfigMap>('ConfigMap', { namespace, name: files.configMap })
      : undefined;
  return observeMigrations({
    set: wanted.migrationSet,
    inForce: inForce.migrationSet,
    files: Object.keys(map?.data ?? {}).filter((file) => file.endsWith('.sql')).length,
    jobs: view.of<Job>('Job', input),
    pods,
  });
}
