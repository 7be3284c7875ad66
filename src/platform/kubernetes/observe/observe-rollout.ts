/** How far Kubernetes is with a Deployment. Pure. */
import type { InstanceObservation, RolloutObservation } from '../../observation.ts';
import { conditionOf, type Deployment } from './kinds.ts';

/** @param instances those of the service */
export function observeRollout(
  deployment: Deployment | undefined,
  instances: readonly InstanceObservation[],
): RolloutObservation {
  if (deployment === undefined) return { state: 'absent', replicas: 0 };
  const { generation = 0 } = deployment.metadata;
  const { replicas = 1 } = deployment.spec;
  const counts = { ...NONE, ...deployment.status };
  const failing = instances.filter(({ failed }) => failed);
  const problem = progressOf(replicas, counts, failing);
  if (counts.observedGeneration < generation) return { state: 'changing', replicas, problem };
  if (conditionOf(deployment, 'Progressing')?.reason === 'ProgressDeadlineExceeded')
    // Between two deaths an instance does not fail: it has been started again.
    return { state: 'stuck', replicas, problem: progressOf(replicas, counts, [...failing, ...instances]) };
  return isComplete(replicas, counts)
    ? { state: 'complete', replicas }
    : { state: 'changing', replicas, problem };
}

type Counts = typeof NONE;

const NONE = { observedGeneration: 0, replicas: 0, updatedReplicas: 0, availableReplicas: 0 };

function isComplete(wanted: number, { replicas, updatedReplicas, availableReplicas }: Counts): boolean {
  return updatedReplicas === wanted && availableReplicas >= wanted && replicas === wanted;
}

/** How many are ready, and what is wrong with the first one of which that is known. */
function progressOf(
  wanted: number,
  { availableReplicas }: Counts,
  instances: readonly InstanceObservation[],
): string {
  const progress = `${availableReplicas} of ${wanted} ready`;
  const troubled = instances.find(({ problem }) => problem !== undefined);
  return troubled === undefined ? progress : `${troubled.id}: ${troubled.problem ?? ''} (${progress})`;
}
