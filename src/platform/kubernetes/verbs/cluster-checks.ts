/** What a first-time user of a cluster would trip over, each with what to do about it. */
import { valueAt } from '../../../app/raw-value.ts';
import { isForbidden, KubeUnreachable, parseObject } from '../api/kube-error.ts';
import { RESOURCE_TYPES, type KubeObject } from '../api/kube-object.ts';
import { appCustomResourceDefinition } from '../crd/app-definition.ts';
import { differenceOf } from '../observe/difference.ts';
import { silentNodes, type Deployment, type Node } from '../observe/kinds.ts';
import { checkMetrics, checkPods, checkRights, checkStorage } from './application-checks.ts';
import type { CheckInput, ClusterFinding } from './cluster-finding.ts';

type Check = (input: CheckInput) => Promise<ClusterFinding | undefined>;

/** The oldest Kubernetes that has all that is used: sidecar containers and pauses before an end. */
const OLDEST_MINOR = 30;
const INSTALL =
  'helm upgrade --install holdfast charts/holdfast --namespace holdfast-system --create-namespace';

/** All findings; of a cluster that does not answer only that. */
export async function checkCluster(input: CheckInput): Promise<ClusterFinding[]> {
  const server = await checkServer(input);
  if (!server.ok && server.remedy === undefined) return [server];
  const found = await Promise.all(
    Object.entries(CHECKS).map(async ([name, check]) => attempt(name, check, input)),
  );
  return [server, ...found.filter((finding) => finding !== undefined)];
}

const CHECKS: Readonly<Record<string, Check>> = {
  definition: checkDefinition,
  controller: checkController,
  nodes: checkNodes,
  metrics: checkMetrics,
  'storage class': checkStorage,
  rights: checkRights,
  pods: checkPods,
};

/** What the user may not see is no problem: whoever may can look. */
async function attempt(name: string, check: Check, input: CheckInput): Promise<ClusterFinding | undefined> {
  try {
    return await check(input);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return { check: name, ok: true, found: 'not known: your rights do not allow to look' };
  }
}

async function checkServer({ client }: CheckInput): Promise<ClusterFinding> {
  const check = 'api server';
  try {
    const { body } = await client.raw('GET', '/version');
    const version = parseObject(body.toString()) ?? {};
    const found = `${String(version['gitVersion'])} at ${client.server}`;
    return isRecent(version)
      ? { check, ok: true, found }
      : { check, ok: false, found, remedy: `Kubernetes 1.${OLDEST_MINOR} or later is needed` };
  } catch (error) {
    if (error instanceof KubeUnreachable) return { check, ok: false, found: error.message };
    throw error;
  }
}

/** A vendor may write `30+`. */
function isRecent({ major, minor }: Readonly<Record<string, unknown>>): boolean {
  return Number(major) > 1 || Number.parseInt(String(minor), 10) >= OLDEST_MINOR;
}

async function checkDefinition({ client }: CheckInput): Promise<ClusterFinding> {
  const wanted = appCustomResourceDefinition() as KubeObject;
  const { name } = wanted.metadata;
  const live = await client.get<KubeObject>(RESOURCE_TYPES.CustomResourceDefinition, { name });
  const check = 'definition';
  if (live === undefined) return { check, ok: false, found: 'the cluster knows no Apps', remedy: INSTALL };
  const difference = differenceOf(valueAt(wanted, 'spec', 'versions'), valueAt(live, 'spec', 'versions'));
  if (difference === undefined) return { check, ok: true, found: name };
  const found = `${name} is of another version of Holdfast than this program (${difference})`;
  return { check, ok: false, found, remedy: INSTALL };
}

async function checkController({ client }: CheckInput): Promise<ClusterFinding> {
  const { items } = await client.list<Deployment>(RESOURCE_TYPES.Deployment, {
    labelSelector: 'app.kubernetes.io/name=holdfast,app.kubernetes.io/component=controller',
  });
  const [deployment] = items;
  const check = 'controller';
  if (deployment === undefined) return { check, ok: false, found: 'not installed', remedy: INSTALL };
  const { name, namespace = '' } = deployment.metadata;
  const ready = deployment.status?.readyReplicas ?? 0;
  const found = `${name} in ${namespace}, ${ready} ready`;
  if (ready > 0) return { check, ok: true, found };
  return { check, ok: false, found, remedy: `kubectl describe pods --namespace ${namespace}` };
}

async function checkNodes({ client }: CheckInput): Promise<ClusterFinding> {
  const { items } = await client.list<Node>(RESOURCE_TYPES.Node);
  const ready = items.length - silentNodes(items).size;
  const about = { check: 'nodes', found: `${ready} of ${items.length} ready` };
  if (ready >= 2) return { ...about, ok: true };
  const remedy = 'add a node: with fewer than two, everything stops when one does';
  return { ...about, ok: false, remedy };
}
