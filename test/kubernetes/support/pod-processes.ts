/**
 * The processes of a pod on the test cluster, as the machine itself sees them: so they can be killed from outside,
 * as its out-of-memory killer does. They are found by the pod's UID in the names of their cgroups.
 */
import { readdir, readFile } from 'node:fs/promises';
import type { KubeObject } from '../../../src/platform/kubernetes/api/kube-object.ts';

const PAUSE = /(^|\/)pause$/;

interface Process {
  readonly pid: number;
  readonly command: string;
}

/** Those whose command line contains `word`; without the one that only holds the pod's namespaces. */
export async function processesOf({ metadata }: KubeObject, word = ''): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = pids.map(async (pid): Promise<Process[]> => {
    const [groups, line] = await Promise.all([contentOf(pid, 'cgroup'), contentOf(pid, 'cmdline')]);
    const command = line.replaceAll('\0', ' ').trim();
    const isOwn = groups.includes(metadata.uid ?? '-') && command !== '' && !PAUSE.test(command);
    return isOwn && command.includes(word) ? [{ pid, command }] : [];
  });
  return (await Promise.all(found)).flat();
}

/** `kill -9` of every process of the pod whose command line contains `word`. @throws when there is none */
export async function killIn(pod: KubeObject, word: string): Promise<void> {
  const found = await processesOf(pod, word);
  if (found.length === 0) throw new Error(`nothing in ${pod.metadata.name} is called ${word}`);
  for (const { pid } of found) kill(pid);
}

/** The first process of a container takes the others with it. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Empty for a process that has just ended. */
async function contentOf(pid: number, file: string): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
}
