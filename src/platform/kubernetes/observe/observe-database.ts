/** The database's pod becomes an observation. Pure. */
import { defined } from '../../../app/defined.ts';
import type { DatabaseObservation } from '../../observation.ts';
import { holds, isOnSilentNode, type PersistentVolumeClaim, type Pod } from './kinds.ts';
import { podProblem } from './pod-problem.ts';

export interface DatabaseInput {
  /** Name and port. */
  readonly address: string;
  readonly pod: Pod | undefined;
  readonly claim: PersistentVolumeClaim | undefined;
  /** Nodes that do not answer. */
  readonly silent: ReadonlySet<string>;
  /** Whether the cluster has a storage class for claims that name none. */
  readonly hasDefaultStorage: boolean;
}

export function observeDatabase(input: DatabaseInput): DatabaseObservation {
  const { address, pod, silent } = input;
  if (pod === undefined) return { state: 'starting', address };
  const isLeaving = pod.metadata.deletionTimestamp !== undefined;
  if (isOnSilentNode(pod, silent)) return { state: 'unready', address, problem: lost(pod, isLeaving) };
  if (!isLeaving && holds(pod, 'Ready')) return { state: 'ready', address };
  const { text, failed = false } = podProblem(pod, silent) ?? {};
  const state = failed ? 'failed' : hasStarted(pod) ? 'unready' : 'starting';
  return { state, address, ...defined({ problem: noStorage(input) ?? text }) };
}

function hasStarted(pod: Pod): boolean {
  return pod.status?.containerStatuses?.[0]?.started === true;
}

/** Two servers must never write to one volume, so Kubernetes waits until somebody says that the node is off. */
function lost(pod: Pod, isLeaving: boolean): string {
  const { nodeName: node = '' } = pod.spec;
  if (!isLeaving) return `node ${node} does not answer`;
  return (
    `node ${node} does not answer. The database is not moved while it may still run there. ` +
    `If the machine is certainly off: kubectl taint nodes ${node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`
  );
}

function noStorage({ claim, hasDefaultStorage }: DatabaseInput): string | undefined {
  if (claim?.status?.phase !== 'Pending' || hasDefaultStorage) return undefined;
  return (
    'its volume is not provided: this cluster has no default storage class. ' +
    'Name one: database.storageClass (kubectl get storageclass)'
  );
}
