/** What a cluster could leave behind on the machine. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { runScript } from './run-script.ts';

/** A file for every cluster of this machine, as long as it is not completely gone. */
const CLUSTERS = '/run/holdfast-clusters';

/** Everything of the cluster `name` with its state in `folder`, in words; empty after its end. */
export async function tracesOf(name: string, folder: string): Promise<string[]> {
  return [
    ...(existsSync(folder) ? [`folder ${folder}`] : []),
    ...namesIn(CLUSTERS, `cluster-${name}`),
    ...processesOf(name),
    ...linesWith('/proc/self/mounts', `${folder}/`).map((line) => `mount ${line}`),
    ...cgroupsOf(name),
    ...namesIn('/run/netns', `${name}-`).map((found) => `network namespace ${found}`),
    ...namesIn('/sys/class/net', name).map((found) => `link ${found}`),
    ...(await routesVia(`${name}0`)),
  ];
}

/**
 * Kernel settings that a kubelet changes, or undefined while a cluster runs: only the last of this machine's
 * clusters puts them back.
 */
export function kernelSettings(): Record<string, string> | undefined {
  if (namesIn(CLUSTERS, 'cluster-').length > 0) return undefined;
  const names = [
    'vm/overcommit_memory',
    'vm/panic_on_oom',
    'kernel/panic',
    'kernel/panic_on_oops',
    'kernel/keys/root_maxkeys',
    'kernel/keys/root_maxbytes',
    'fs/inotify/max_user_instances',
    'fs/inotify/max_user_watches',
  ];
  return Object.fromEntries(names.map((name) => [name, readFileSync(`/proc/sys/${name}`, 'utf8').trim()]));
}

function processesOf(name: string): string[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids
    .filter((pid) => linesWith(`/proc/${pid}/cgroup`, `:/${name}/`).length > 0)
    .map((pid) => `process ${pid}`);
}

function cgroupsOf(name: string): string[] {
  return linesWith('/proc/self/mounts', 'cgroup')
    .map((line) => `${line.split(' ')[1] ?? ''}/${name}`)
    .filter((path) => existsSync(path))
    .map((path) => `cgroup ${path}`);
}

async function routesVia(bridge: string): Promise<string[]> {
  const routes = await runScript('ip', ['route', 'show'], { env: process.env, timeoutMs: 10_000 });
  return routes.split('\n').filter((line) => line.includes(`dev ${bridge} `));
}

function namesIn(folder: string, prefix: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(prefix)) : [];
}

/** None when the file is not there: a process may end while it is looked at. */
function linesWith(file: string, part: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.includes(part));
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}
