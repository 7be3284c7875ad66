/**
 * `controller --cluster`: looks after every application of a cluster, in a pod. Several may run; one
 * leads, the others wait with a warm cache.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { OperationError, UserError } from '../app/failure.ts';
import { conditionsOf } from '../controller/conditions.ts';
import { reconcile, type RoundResult } from '../controller/reconcile.ts';
import { describeStep, partOf, type ClusterStep, type ReleaseStep } from '../platform/step.ts';
import { inClusterConnection } from '../platform/kubernetes/api/connection.ts';
import { kubeconfigConnection } from '../platform/kubernetes/api/kubeconfig.ts';
import { KeyedQueue } from '../platform/kubernetes/api/keyed-queue.ts';
import { KubeClient } from '../platform/kubernetes/api/kube-client.ts';
import { alreadyExists, isConflict, isNotFound } from '../platform/kubernetes/api/kube-error.ts';
import { lead } from '../platform/kubernetes/api/leader-election.ts';
import { roundParts } from '../platform/kubernetes/application-round.ts';
import { ClusterCache } from '../platform/kubernetes/cluster-cache.ts';
import { ClusterSessions } from '../platform/kubernetes/cluster-sessions.ts';
import { ConfirmedRouters } from '../platform/kubernetes/confirmed-routers.ts';
import { EndingNamespaces } from '../platform/kubernetes/ending-namespaces.ts';
import { eventOf } from '../platform/kubernetes/event-of-step.ts';
import { writeEvent } from '../platform/kubernetes/events.ts';
import type { Images } from '../platform/kubernetes/objects/pod-parts.ts';
import type { AppObject } from '../platform/kubernetes/observe/kinds.ts';
import { reportStatus } from '../platform/kubernetes/report-status.ts';
import { routerStates, type AskRouters } from '../platform/kubernetes/router-states.ts';
import { print } from './output.ts';
import type { VerbContext } from './verb-context.ts';
import { version } from './version.ts';

/** Applications that are worked on at the same time. */
const CONCURRENCY = 4;
/** How soon it is looked again who has left a leaving instance, and how warm a new one may be; ms. */
const LEAVING_INTERVAL = 2_000;
/** How soon what the API server refused is tried again; ms. */
const DENIED_INTERVAL = 30_000;
/** How soon what could not be used is looked at again: a Secret that it lacks is not watched; ms. */
const PROBLEM_INTERVAL = 10_000;
/** How often an application is looked at without a reason; ms. */
const RESYNC = 300_000;
const HEALTH_PORT = '8081';
const LEASE = 'holdfast-controller';

type PlannedStep = ReleaseStep | ClusterStep;

interface Surroundings {
  readonly client: KubeClient;
  readonly cache: ClusterCache;
  readonly images: Images;
  readonly routers: AskRouters;
  readonly confirmed: ConfirmedRouters;
  readonly identity: string;
  readonly log: (about: string, text: string) => void;
}

/** Runs until it is told to end. @returns the exit code */
export async function clusterController(context: VerbContext): Promise<number> {
  const { env, interrupted } = context;
  const log = (about: string, text: string): void =>
    print(context, `${new Date().toISOString()} ${about}: ${text}`);
  // Outside a pod, as a developer runs it, the kubeconfig says which cluster.
  const isInPod = env['KUBERNETES_SERVICE_HOST'] !== undefined;
  const connection = await (isInPod ? inClusterConnection(env) : kubeconfigConnection({ env }));
  const client = new KubeClient(connection, {
    userAgent: `holdfast/${version()}`,
    manager: 'holdfast',
  });
  const namespace = env['HOLDFAST_NAMESPACE'];
  const onError = (error: unknown): void => log('cluster', messageOf(error));
  const cache = new ClusterCache(client, {
    ...(namespace === undefined || namespace === '' ? {} : { namespace }),
    onError,
  });
  const identity = env['POD_NAME'] ?? `holdfast-${process.pid}`;
  const routing = { routers: routerStates, confirmed: new ConfirmedRouters() };
  const around = { client, cache, images: imagesOf(env), identity, log, ...routing };
  let ready = false;
  const health = await serveHealth(Number(env['HOLDFAST_HEALTH_PORT'] ?? HEALTH_PORT), () => ready);
  try {
    await cache.start(interrupted);
    ready = true;
    const options = { namespace: client.namespace, name: LEASE, identity, random: Math.random, onError };
    await lead(client, options, (signal, mayAct) => work(around, signal, mayAct), interrupted);
    return 0;
  } finally {
    health.close();
    health.closeAllConnections();
  }
}

/** The leader's work: every application once, and whenever something of it changes. */
async function work(around: Surroundings, signal: AbortSignal, mayAct: () => boolean): Promise<void> {
  const { cache, log } = around;
  log('controller', 'leads');
  const ending = new EndingNamespaces({
    now: () => performance.now(),
    tell: (app) => log(app, 'its namespace is being removed: nothing is made there any more'),
  });
  const queue = new KeyedQueue({
    concurrency: CONCURRENCY,
    work: async (key) => {
      const app = { key, uid: cache.app(key)?.metadata.uid };
      const again = await ending.look(app, () => round(key, { ...around, sessions }, mayAct));
      if (again !== undefined) queue.addAfter(key, again);
    },
    onError: (key, error) => {
      if (!isOvertaken(error)) log(key, messageOf(error));
    },
  });
  const sessions = new ClusterSessions({
    wake: (key) => queue.add(key),
    mayAct,
    onError: (key, error) => {
      if (!isOvertaken(error)) log(key, messageOf(error));
    },
  });
  sessions.start(signal);
  const forget = cache.onChange((key) => queue.add(key));
  try {
    await queue.run(signal);
  } finally {
    forget();
    log('controller', 'does not lead any more');
  }
}

/** @returns when to look again in any case, in ms */
async function round(
  key: string,
  around: Surroundings & { readonly sessions: ClusterSessions },
  mayAct: () => boolean,
): Promise<number | undefined> {
  const { cache, confirmed, sessions, log } = around;
  const object = cache.app(key);
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
    confirmed.forget(key);
    sessions.forget(key);
    return undefined;
  }
  const { platform, store, wanted } = await roundParts(around, object);
  const paused = isPaused(object);
  const done: PlannedStep[] = [];
  let result: RoundResult;
  try {
    result = await reconcile({
      platform,
      store,
      wanted,
      mayAct: () => !paused && mayAct(),
      tell: (step) => log(key, `${partOf(step)}: ${describeStep(step)}`),
      done: (step) => done.push(step),
    });
    if (!mayAct()) return undefined;
    await report(object, result, paused, around);
  } finally {
    // Also of a round that was overtaken: the next one finds the step done, and does not tell of it.
    await tellEvents(object, done, around);
  }
  const again = result.awaitsRouters && !paused ? confirmed.pause(key) : againAfter(result);
  return Math.min(again, sessions.of(key).pause ?? Infinity);
}

/** Where nothing tells when something has changed; ms. */
function againAfter(result: RoundResult): number {
  const instances = result.status?.services.flatMap((service) => service.instances) ?? [];
  if (result.leaving || instances.some(({ warm }) => warm !== undefined)) return LEAVING_INTERVAL;
  if (result.problem !== undefined) return PROBLEM_INTERVAL;
  return result.denied === undefined ? RESYNC : DENIED_INTERVAL;
}

/** Also of a spec that can't be used otherwise. */
function isPaused({ spec }: AppObject): boolean {
  return typeof spec === 'object' && spec !== null && 'paused' in spec && spec.paused === true;
}

async function report(
  object: AppObject,
  result: RoundResult,
  paused: boolean,
  { client }: Surroundings,
): Promise<void> {
  const conditions = conditionsOf(result, paused);
  await reportStatus(client, object, { conditions, detail: { ...result.status } }, Date.now());
}

/** Events are an extra: what can't be written is not missed. */
async function tellEvents(
  object: AppObject,
  steps: readonly PlannedStep[],
  { client, identity, log }: Surroundings,
): Promise<void> {
  for (const event of steps.flatMap((step) => eventOf(step) ?? [])) {
    try {
      await writeEvent(client, object, event, identity);
    } catch (error) {
      log('events', messageOf(error));
    }
  }
}

/** Something has changed since it was looked at; the next round looks again. */
function isOvertaken(error: unknown): boolean {
  return isConflict(error) || alreadyExists(error) || isNotFound(error);
}

function imagesOf(env: VerbContext['env']): Images {
  const { HOLDFAST_IMAGE, HOLDFAST_DATABASE_IMAGE, HOLDFAST_IMAGE_PULL_POLICY } = env;
  if (HOLDFAST_IMAGE === undefined || HOLDFAST_DATABASE_IMAGE === undefined)
    throw new UserError(
      'HOLDFAST_IMAGE and HOLDFAST_DATABASE_IMAGE must name the images that pods are made from',
    );
  return {
    holdfast: HOLDFAST_IMAGE,
    database: HOLDFAST_DATABASE_IMAGE,
    pullPolicy: HOLDFAST_IMAGE_PULL_POLICY ?? 'IfNotPresent',
  };
}

async function serveHealth(port: number, isReady: () => boolean): Promise<Server> {
  const server = createServer((request, response) => {
    const isWell = request.url === '/live' || (request.url === '/ready' && isReady());
    response.writeHead(isWell ? 200 : 503).end();
  });
  server.listen(port);
  await once(server, 'listening').catch((cause: unknown) => {
    throw new OperationError(`port ${port} can't be listened on`, { cause });
  });
  return server;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
