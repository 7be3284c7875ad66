/**
 * The routers become an observation. They follow instances and tables by themselves, so what is published
 * is what they work by, or will in a moment; an owner that they don't know yet is waited for by them. Pure.
 */
import { defined } from '../../../app/defined.ts';
import type { OwnerTable } from '../../../routing/owner-table.ts';
import type { BackendObservation, InstanceObservation, RouterObservation } from '../../observation.ts';
import type { ClusterPrepared } from '../objects/prepared.ts';
import { publicUrl } from '../objects/router-objects.ts';
import { time, type Deployment, type Pod } from './kinds.ts';
import { podProblem } from './pod-problem.ts';

export interface RouterInput {
  readonly namespace: string;
  readonly inForce: ClusterPrepared;
  readonly tables: Readonly<Record<string, OwnerTable>>;
  /** Epochs of owner tables as they were last told; one that was deleted goes on from there. */
  readonly lastEpochs: Readonly<Record<string, number>>;
  readonly deployment: Deployment | undefined;
  /** Pods of the application, of any part. */
  readonly pods: readonly Pod[];
  readonly instances: readonly InstanceObservation[];
}

export function observeRouter(input: RouterInput): RouterObservation {
  const { namespace, inForce, deployment, pods } = input;
  const backends = inForce.app.services.map(({ name, stateful }) => {
    const epoch = stateful === undefined ? undefined : epochOf(name, input);
    return [name, { servers: serversOf(name, input), ...defined({ epoch }) }] as const;
  });
  const about = {
    url: publicUrl(inForce.app, namespace),
    since: time(deployment?.metadata.creationTimestamp) ?? 0,
    backends: Object.fromEntries(backends),
  };
  if ((deployment?.status?.availableReplicas ?? 0) > 0)
    return { ...about, state: 'ready', structure: inForce.structure };
  const own = pods.filter((pod) => pod.metadata.labels?.['app.kubernetes.io/name'] === 'router');
  const problem = own.map((pod) => podProblem(pod, new Set())?.text).find((text) => text !== undefined);
  return { ...about, state: deployment === undefined ? 'absent' : 'starting', ...defined({ problem }) };
}

/** Routers may work by a table that was published and lost before it was told of: so many epochs are passed over. */
const UNTOLD = 100;

function epochOf(service: string, { tables, lastEpochs }: RouterInput): number | undefined {
  const told = lastEpochs[service];
  return tables[service]?.epoch ?? (told === undefined ? undefined : told + UNTOLD);
}

function serversOf(service: string, { instances }: RouterInput): BackendObservation['servers'] {
  return instances
    .filter((instance) => instance.service === service && instance.state !== 'starting')
    .map(({ id, host, port, state, users }) => ({
      name: id,
      host,
      port,
      up: state === 'ready',
      draining: state === 'leaving',
      requests: 0,
      ...defined({ pins: users }),
    }));
}
