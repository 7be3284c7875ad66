/**
 * Holdfast as a user installs it, on the test cluster: by its chart, once for all files of tests. Each file works
 * in namespaces of its own, where the restricted Pod Security Standard is enforced.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, dirname, join } from 'node:path';
import { cacheFolder, repository } from '../../cluster/run-script.ts';
import { until } from '../../cluster/until.ts';
import { kubeconfigConnection } from '../../../src/platform/kubernetes/api/kubeconfig.ts';
import { KubeClient } from '../../../src/platform/kubernetes/api/kube-client.ts';
import { RESOURCE_TYPES, type KubeObject } from '../../../src/platform/kubernetes/api/kube-object.ts';
import type { Manifest } from '../../../src/platform/kubernetes/objects/manifest.ts';
import { buildImages, startCluster, type TestCluster } from './cluster.ts';

/** Where the controller is. */
export const CONTROLLER_NAMESPACE = 'holdfast-system';
/** Namespaces may hold pods that take leave of their users. */
const namespaceGoneMs = 120_000;
/** Any one command of Helm, whatever it waits for itself. */
const helmMs = 400_000;

/** What makes the charts use the images of this working copy. */
const IMAGE = { repository: 'localhost/holdfast', tag: 'test', pullPolicy: 'Never' };
const CONTROLLER_VALUES = {
  image: IMAGE,
  databaseImage: { repository: 'localhost/holdfast-database', tag: 'test' },
};
/** For `global.holdfast` of the chart `app`. */
export const APP_CHART_IMAGE: object = IMAGE;

export interface Holdfast extends AsyncDisposable {
  readonly cluster: TestCluster;
  /** Tells the images' content from any other. */
  readonly build: string;
  /** With an administrator's rights. */
  readonly client: KubeClient;
  /** Makes a namespace. Disposing removes it with all that is in it. */
  namespace(name: string): Promise<TestNamespace>;
  helm(version: HelmVersion, args: readonly string[], values?: object): Promise<HelmResult>;
}

export interface TestNamespace extends AsyncDisposable {
  readonly name: string;
}

export type HelmVersion = 'helm3' | 'helm4';

export interface HelmResult {
  readonly code: number;
  /** Both what it says and what it complains about, in order. */
  readonly output: string;
}

export interface HoldfastOptions {
  readonly nodes?: number;
  /** HOLDFAST_CLUSTER_… settings, for a cluster of the test's own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The test cluster with Holdfast on it; both are taken as they are if they are there. */
export async function startHoldfast({ nodes = 2, env }: HoldfastOptions = {}): Promise<Holdfast> {
  const images = await buildImages();
  const cluster = await startCluster({ nodes, images, ...(env === undefined ? {} : { env }) });
  try {
    const connection = await kubeconfigConnection({ env: { KUBECONFIG: cluster.kubeconfig } });
    const client = new KubeClient(connection, { userAgent: 'holdfast-tests', manager: 'holdfast-tests' });
    const holdfast = onCluster(cluster, client, basename(dirname(images.holdfast)));
    await install(holdfast);
    return holdfast;
  } catch (error) {
    await cluster.end();
    throw error;
  }
}

export interface Installation {
  /** Folder of the chart, instead of that of this working copy. */
  readonly chart?: string;
  /** Laid over the values that name the images. */
  readonly values?: object;
}

/** Brings the installation up to a chart. Changes nothing of one that is as it should be. */
export async function install(holdfast: Holdfast, { chart, values }: Installation = {}): Promise<void> {
  const args = ['upgrade', '--install', 'holdfast', chart ?? 'charts/holdfast', '--wait', '--timeout=120s'];
  const where = [`--namespace=${CONTROLLER_NAMESPACE}`, '--create-namespace'];
  const { code, output } = await holdfast.helm('helm4', [...args, ...where], {
    ...CONTROLLER_VALUES,
    // An image of the same name with other content is not a change to Kubernetes.
    podAnnotations: { 'holdfast.dev/test-build': holdfast.build },
    ...values,
  });
  if (code !== 0) throw new Error(`Holdfast could not be installed: ${output}`);
}

function onCluster(cluster: TestCluster, client: KubeClient, build: string): Holdfast {
  return {
    cluster,
    build,
    client,
    namespace: (name) => makeNamespace(client, name),
    helm: (version, args, values) => runHelm({ version, args, values, kubeconfig: cluster.kubeconfig }),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await cluster.end();
    },
  };
}

async function makeNamespace(client: KubeClient, name: string): Promise<TestNamespace> {
  const remove = async (): Promise<void> => {
    await client.remove(RESOURCE_TYPES.Namespace, { name });
    const isGone = async (): Promise<boolean> =>
      (await client.get(RESOURCE_TYPES.Namespace, { name })) === undefined;
    await until(`namespace ${name} is gone`, namespaceGoneMs, isGone);
  };
  // What a run before, that was killed, has left.
  await remove();
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  const object: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
  await client.create<KubeObject>(object);
  return { name, [Symbol.asyncDispose]: remove };
}

interface HelmRun {
  readonly version: HelmVersion;
  readonly args: readonly string[];
  readonly values: object | undefined;
  readonly kubeconfig: string;
}

/** Beside it the test goes on: it may put load on what is upgraded. */
async function runHelm({ version, args, values, kubeconfig }: HelmRun): Promise<HelmResult> {
  const given = values === undefined ? [] : ['--values', '-'];
  const child = spawn(join(cacheFolder(process.env), version), [...args, ...given], {
    cwd: repository,
    env: { ...process.env, KUBECONFIG: kubeconfig },
    stdio: 'pipe',
    timeout: helmMs,
    killSignal: 'SIGKILL',
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  child.stdin.on('error', () => undefined).end(values === undefined ? '' : JSON.stringify(values));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, output: output.join('') };
}
