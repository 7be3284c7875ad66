/**
 * The Kubernetes cluster that a test runs on: its own, on this machine, or with HOLDFAST_CONTEXT=NAME the one
 * of that kubectl context. Its own cluster always ends: by end(), and when this process dies by whatever means.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, clusterFolder, runScript } from '../../cluster/run-script.ts';
import { until } from '../../cluster/until.ts';
import type { ImageArchives } from '../../cluster/images.ts';

export {
  buildImages,
  buildReleaseImages,
  type ImageArchives,
  type ReleaseArchives,
} from '../../cluster/images.ts';

export interface ClusterOptions {
  /** 1 to 9, named `node1` and so on. */
  readonly nodes: number;
  /** What every node has when the cluster is up. */
  readonly images: ImageArchives;
  /** HOLDFAST_CLUSTER_… settings, see test/cluster/README.md. */
  readonly env?: Settings;
}

export interface TestCluster extends AsyncDisposable {
  /** Path of a kubeconfig file with an administrator's rights. */
  readonly kubeconfig: string;
  /** False on the cluster of HOLDFAST_CONTEXT, whose nodes, API server and images are not the tests' business. */
  readonly isOwn: boolean;
  /** Runs kubectl and gives its standard output; throws an Error with its standard error. */
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
  /** Imports image archives into every node that is on. */
  load(archives: readonly string[]): Promise<void>;
  /** Power off, without a FIN to anybody. */
  killNode(node: number): Promise<void>;
  /** Power on; returns when the node is Ready. */
  reviveNode(node: number): Promise<void>;
  /** Unplugs the network cable. */
  partitionNode(node: number): Promise<void>;
  healNode(node: number): Promise<void>;
  /** Stops every process of the node: a hang. */
  freezeNode(node: number): Promise<void>;
  thawNode(node: number): Promise<void>;
  /** Stops its kubelet: its containers go on, but nobody hears of them. */
  stopKubelet(node: number): Promise<void>;
  /** Starts another one; returns when the node is Ready. */
  startKubelet(node: number): Promise<void>;
  /** Stops Kubernetes' own controllers: nobody is told of new endpoints, and no pod is made. */
  freezeControllers(): Promise<void>;
  thawControllers(): Promise<void>;
  /** Stops it with Kubernetes' own controllers, which don't go on without it. */
  stopApiServer(): Promise<void>;
  /** Returns when it is ready. */
  startApiServer(): Promise<void>;
  /** Ends the cluster and removes every trace of it, unless somebody else holds it. */
  end(): Promise<void>;
}

/** Of one command of the script; the longest is an `up` that imports the base images. */
const commandTimeoutMs = 300_000;

/** Until another test is done with a cluster that somebody holds; ms. */
const takeWithinMs = 1_800_000;

/**
 * Starts the cluster, or mends and takes over the one that is there. One process at a time has a cluster; others
 * wait. Where somebody else holds clusters (HOLDFAST_CLUSTER_POOL, HOLDFAST_CLUSTER_HELD), end() leaves them running.
 */
export async function startCluster(options: ClusterOptions): Promise<TestCluster> {
  const context = process.env['HOLDFAST_CONTEXT'];
  if (context !== undefined) return foreignCluster(context);
  const { bases, ...images } = options.images;
  const { settings, keeper } = await place(options.env ?? {});
  const env = { ...process.env, HOLDFAST_CLUSTER_IMAGES: bases, ...options.env, ...settings };
  const cluster = ownCluster(env, keeper);
  try {
    await run(env, ['up', '--nodes', String(options.nodes)]);
    await cluster.load(Object.values(images));
    return cluster;
  } catch (error) {
    await cluster.end();
    throw error;
  }
}

type Settings = Readonly<Record<string, string>>;

interface Place {
  readonly settings: Settings;
  /** What makes the cluster this process's. */
  readonly keeper: ChildProcess | undefined;
}

/** Which cluster it is. Whoever asks for one with a name of its own gets that, and no other. */
async function place(asked: Settings): Promise<Place> {
  const { HOLDFAST_CLUSTER_POOL: pool, HOLDFAST_CLUSTER_HELD: held } = process.env;
  const isNamed = asked['HOLDFAST_CLUSTER_NAME'] !== undefined;
  const isHeld = asked['HOLDFAST_CLUSTER_HELD'] ?? (isNamed ? undefined : held);
  if (isHeld === '1') return { settings: {}, keeper: undefined };
  if (isHeld === undefined && !isNamed && pool !== undefined)
    return oneOf(JSON.parse(pool) as readonly Settings[]);
  const keeper = await keep(join(clusterFolder, 'cluster'), ['hold'], { ...process.env, ...asked });
  if (keeper === undefined) throw new Error('the test cluster could not be had: see the lines above');
  return { settings: {}, keeper };
}

/** The first that no other process uses. */
async function oneOf(pool: readonly Settings[]): Promise<Place> {
  let found: Place | undefined;
  await until('one of the test clusters is free', takeWithinMs, async () => {
    for (const settings of pool) {
      const name = settings['HOLDFAST_CLUSTER_NAME'] ?? process.env['HOLDFAST_CLUSTER_NAME'] ?? 'holdfast';
      const file = join(cacheFolder(process.env), `${name}.user`);
      const hold = ['sh', '-c', 'echo taken; exec cat >/dev/null'];
      const keeper = await keep('flock', ['--nonblock', file, ...hold], process.env);
      if (keeper === undefined) continue;
      found = { settings, keeper };
      return true;
    }
    return false;
  });
  return found ?? { settings: {}, keeper: undefined };
}

/**
 * A process that has something, says so, and gives it back when its standard input ends, which happens at the latest
 * with this process; in a session of its own no terminal's Ctrl-C reaches it. Undefined if it could not have it.
 */
async function keep(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ChildProcess | undefined> {
  const keeper = spawn(program, args, { env, detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  const ready = once(keeper.stdout, 'data').then(() => true);
  const hasIt = await Promise.race([ready, once(keeper, 'close').then(() => false)]);
  return hasIt ? keeper : undefined;
}

function run(env: NodeJS.ProcessEnv, args: readonly string[], stdin?: string): Promise<string> {
  const options = { env, timeoutMs: commandTimeoutMs, ...(stdin === undefined ? {} : { stdin }) };
  return runScript(join(clusterFolder, 'cluster'), args, options);
}

function ownCluster(env: NodeJS.ProcessEnv, keeper: ChildProcess | undefined): TestCluster {
  const node =
    (command: string) =>
    async (node: number): Promise<void> =>
      void (await run(env, [command, String(node)]));
  const end = async (): Promise<void> => {
    if (keeper === undefined || keeper.exitCode !== null || keeper.signalCode !== null) return;
    const ended = once(keeper, 'close');
    keeper.stdin?.end();
    await ended;
  };
  return {
    kubeconfig: join(env['HOLDFAST_CLUSTER_RUN'] ?? '/run/holdfast-cluster', 'kubeconfig'),
    isOwn: true,
    kubectl: (args, stdin) => run(env, ['kubectl', ...args], stdin),
    load: async (archives) => void (await run(env, ['load', ...archives])),
    killNode: node('kill-node'),
    reviveNode: node('revive-node'),
    partitionNode: node('partition-node'),
    healNode: node('heal-node'),
    freezeNode: node('freeze-node'),
    thawNode: node('thaw-node'),
    stopKubelet: node('stop-kubelet'),
    startKubelet: node('start-kubelet'),
    freezeControllers: async () => void (await run(env, ['freeze-controllers'])),
    thawControllers: async () => void (await run(env, ['thaw-controllers'])),
    stopApiServer: async () => void (await run(env, ['stop-apiserver'])),
    startApiServer: async () => void (await run(env, ['start-apiserver'])),
    end,
    [Symbol.asyncDispose]: end,
  };
}

/** The cluster of a kubectl context; the images that tests use must be where its nodes find them. */
async function foreignCluster(context: string): Promise<TestCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-context-'));
  const kubeconfig = join(folder, 'kubeconfig');
  const program = join(cacheFolder(process.env), 'kube');
  const kubectl = (args: readonly string[], stdin?: string): Promise<string> =>
    runScript(program, ['kubectl', ...args], {
      env: process.env,
      timeoutMs: commandTimeoutMs,
      ...(stdin === undefined ? {} : { stdin }),
    });
  const view = await kubectl(['config', 'view', '--minify', '--flatten', '--context', context]);
  await writeFile(kubeconfig, view, { mode: 0o600 });
  const refuse = (): Promise<void> =>
    Promise.reject(new Error(`this needs a test cluster of its own; ${context} is not`));
  const end = (): Promise<void> => rm(folder, { recursive: true, force: true });
  return {
    kubeconfig,
    isOwn: false,
    kubectl: (args, stdin) => kubectl(['--kubeconfig', kubeconfig, ...args], stdin),
    load: () => Promise.resolve(),
    killNode: refuse,
    reviveNode: refuse,
    partitionNode: refuse,
    healNode: refuse,
    freezeNode: refuse,
    thawNode: refuse,
    stopKubelet: refuse,
    startKubelet: refuse,
    freezeControllers: refuse,
    thawControllers: refuse,
    stopApiServer: refuse,
    startApiServer: refuse,
    end,
    [Symbol.asyncDispose]: end,
  };
}
