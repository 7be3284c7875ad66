/** The controllers of the installation: who leads, and faults of theirs. Their processes are this machine's too. */
import { readFile } from 'node:fs/promises';
import {
  objectPath,
  RESOURCE_TYPES,
  type KubeObject,
} from '../../../src/platform/kubernetes/api/kube-object.ts';
import type { Pod } from '../../../src/platform/kubernetes/observe/kinds.ts';
import { until } from '../../cluster/until.ts';
import { CONTROLLER_NAMESPACE, type Holdfast } from './holdfast.ts';
import { processesOf } from './pod-processes.ts';

/** The user that they are to the API server. */
export const CONTROLLER_USER = `system:serviceaccount:${CONTROLLER_NAMESPACE}:holdfast`;

/** A lease lasts for 15 s; the rest is for the machine. */
export const takeOverMs = 90_000;

const LEASE = { namespace: CONTROLLER_NAMESPACE, name: 'holdfast-controller' };

type Lease = KubeObject & { readonly spec: { readonly holderIdentity?: string } };

export async function controllers({ client }: Holdfast): Promise<Pod[]> {
  const selector = { namespace: CONTROLLER_NAMESPACE, labelSelector: 'app.kubernetes.io/name=holdfast' };
  return (await client.list<Pod>(RESOURCE_TYPES.Pod, selector)).items;
}

/** The name of the pod that leads, by the lease; undefined while nobody does. */
export async function leader({ client }: Holdfast): Promise<string | undefined> {
  const lease = await client.get<Lease>(RESOURCE_TYPES.Lease, LEASE);
  const holder = lease?.spec.holderIdentity;
  return holder === '' ? undefined : holder;
}

/** Waits until somebody else leads. @returns who */
export async function successor(holdfast: Holdfast, before: string): Promise<string> {
  let now: string | undefined;
  await until('another controller leads', takeOverMs, async () => {
    now = await leader(holdfast);
    return now !== undefined && now !== before;
  });
  return now ?? '';
}

/** Ends a controller at once, and its lease with it: it is certainly dead, so nobody has to wait for that. */
export async function killController({ client }: Holdfast, name: string): Promise<void> {
  const ref = { namespace: CONTROLLER_NAMESPACE, name };
  const pod = await client.get<Pod>(RESOURCE_TYPES.Pod, ref);
  for (const { pid } of pod === undefined ? [] : await processesOf(pod)) signal(pid, 'SIGKILL');
  await client.remove(RESOURCE_TYPES.Pod, ref, { gracePeriodSeconds: 0 });
  const lease = await client.get<Lease>(RESOURCE_TYPES.Lease, LEASE);
  const { resourceVersion = '' } = lease?.metadata ?? {};
  if (lease?.spec.holderIdentity === name)
    await client.remove(RESOURCE_TYPES.Lease, LEASE, { resourceVersion });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Stops every process of a pod, as a machine that hangs does. Disposing lets it go on. */
export async function freeze(pod: Pod): Promise<Disposable> {
  const processes = await processesOf(pod);
  if (processes.length === 0) throw new Error(`${pod.metadata.name} has no process on this machine`);
  for (const { pid } of processes) signal(pid, 'SIGSTOP');
  return {
    [Symbol.dispose]: () => {
      for (const { pid } of processes) signal(pid, 'SIGCONT');
    },
  };
}

/** CPU time of a pod's processes so far; ms. */
export async function cpuTime(pod: Pod): Promise<number> {
  const stats = await Promise.all(
    (await processesOf(pod)).map(({ pid }) => readFile(`/proc/${pid}/stat`, 'utf8')),
  );
  const ticks = stats.map((text) => {
    // proc_pid_stat(5): utime and stime are fields 14 and 15; the second, the name, may have blanks.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, next) => sum + next, 0) * 10;
}

/** The name of the pod that leads, once one does. */
export async function someLeader(holdfast: Holdfast): Promise<string> {
  return successor(holdfast, '');
}

/** What a controller has written so far and writes from now on, until the signal is aborted. */
export function followLog({ client }: Holdfast, pod: string, signal: AbortSignal): { text: string } {
  const log = { text: '' };
  const path = `${objectPath(RESOURCE_TYPES.Pod, { namespace: CONTROLLER_NAMESPACE, name: pod })}/log?follow=true`;
  const read = async (): Promise<void> => {
    for await (const chunk of client.stream(path, signal)) log.text += chunk.toString();
  };
  // It ends by the signal, or with the pod: what was read is what there is.
  read().catch(() => undefined);
  return log;
}
