// The test clusters that the test files of one run share. Each file has one of them for itself, so two files run side
// by side; a cluster starts with the first file that gets it, and ends with the run, however that ends. With
// HOLDFAST_CONTEXT=NAME there is only the cluster of that kubectl context.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { environment, node, root, run } from './set-up.js';

/** Folders of tests that need a cluster, or the programs and images that belong to one; the long ones first. */
export const CLUSTER_FOLDERS = [
  'test/kubernetes',
  'test/kubernetes-verbs',
  'test/cluster',
  'test/charts',
  'test/kubernetes-api',
];

/** Beside the cluster of the environment's settings; see test/cluster/README.md. */
const SECOND_CLUSTER = {
  HOLDFAST_CLUSTER_NAME: 'holdfast2',
  HOLDFAST_CLUSTER_RUN: '/run/holdfast-cluster2',
  HOLDFAST_CLUSTER_NET: '10.77.0',
  HOLDFAST_CLUSTER_PODS: '10.248',
  HOLDFAST_CLUSTER_SERVICES: '10.93',
};

/** Installs what the test cluster needs: packages, Kubernetes itself (built from its modules), Helm. */
export function prepareCluster() {
  run(join(root, 'test', 'cluster', 'prepare'), []);
}

export function needsCluster(file) {
  return CLUSTER_FOLDERS.some((folder) => file.startsWith(`${folder}/`));
}

/** Runs test files in this order, two at a time; no two of them on one cluster. @returns the exit code */
export async function runTests(files) {
  const isOwn = process.env.HOLDFAST_CONTEXT === undefined && files.some(needsCluster);
  const pool = isOwn ? clustersToHold() : [];
  const owners = await Promise.all(pool.map(hold));
  const env = { ...environment(), ...(isOwn ? { HOLDFAST_CLUSTER_POOL: JSON.stringify(pool) } : {}) };
  const { status } = spawnSync(node, [join(root, 'scripts', 'run-tests.js'), ...files], {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  await Promise.all(owners.map(release));
  return status ?? 1;
}

/** Settings of each. Whoever has chosen settings of his own gets the one cluster that they describe. */
function clustersToHold() {
  return process.env.HOLDFAST_CLUSTER_NAME === undefined ? [{}, SECOND_CLUSTER] : [{}];
}

/** The test files below a folder, in a fixed order. */
export function testsIn(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter(
      (file) => file.endsWith('.test.ts') && !file.includes('node_modules') && !file.includes('.holdfast'),
    )
    .sort()
    .map((file) => join(folder, file));
}

/** The cluster's owner: it ends the cluster when its standard input ends, at the latest with this process. */
async function hold(settings) {
  const owner = spawn(join(root, 'test', 'cluster', 'cluster'), ['hold'], {
    env: { ...process.env, ...settings },
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  owner.on('exit', (code) => code === 0 || process.exit(1));
  await once(owner.stdout, 'data');
  return owner;
}

async function release(owner) {
  const ended = once(owner, 'exit');
  owner.stdin.end();
  await ended;
}
