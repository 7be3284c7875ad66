/** Pods become instances. Pure. */
import { defined } from '../../../app/defined.ts';
import type { App } from '../../../app/model.ts';
import type { InstanceObservation, InstanceState } from '../../observation.ts';
import { ANNOTATIONS, PORTS, SERVICE_LABEL } from '../objects/names.ts';
import { conditionOf, holds, isOnSilentNode, time, type ContainerStatus, type Pod } from './kinds.ts';
import { podProblem } from './pod-problem.ts';

/** By it a ReplicaSet chooses which of its pods go first (KEP-2255). */
export const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

export interface InstancesInput {
  readonly app: App;
  readonly pods: readonly Pod[];
  /** Nodes that do not answer. */
  readonly silent: ReadonlySet<string>;
  /** Users of an instance as far as the routers were asked, by pod. */
  readonly users: Readonly<Record<string, number>>;
}

/** In the order of their names' age: the oldest first. */
export function observeInstances({ app, pods, silent, users }: InstancesInput): InstanceObservation[] {
  return pods
    .filter((pod) => pod.metadata.labels?.[SERVICE_LABEL] !== undefined && pod.status?.phase !== 'Succeeded')
    .toSorted((a, b) => age(a) - age(b) || (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((pod, index) => observePod(pod, index + 1, silent, users[pod.metadata.name]))
    .filter(
      ({ service, state, mayRun }) =>
        state !== 'dead' || mayRun === true || app.services.some((s) => s.name === service),
    );
}

function observePod(
  pod: Pod,
  ordinal: number,
  silent: ReadonlySet<string>,
  users: number | undefined,
): InstanceObservation {
  const main = mainContainer(pod);
  const state = stateOf(pod, main, silent);
  const problem = podProblem(pod, silent);
  return {
    ...identityOf(pod, main),
    ordinal,
    state,
    since: sinceOf(pod, state),
    startedAt: time(pod.status?.startTime) ?? age(pod),
    host: pod.status?.podIP ?? '',
    port: PORTS.service,
    failures: deathsInARow(main),
    hung: false,
    signalled: false,
    failed: problem?.failed ?? false,
    ...defined({
      leaveBy: leaveBy(pod, state),
      problem: problem?.text,
      node: pod.spec.nodeName,
      users,
      rank: rankOf(pod),
      initializedAt: initializedAt(pod),
      mayRun: state === 'dead' && isOnSilentNode(pod, silent) ? true : undefined,
    }),
  };
}

function mainContainer({ metadata, status }: Pod): ContainerStatus | undefined {
  const service = metadata.labels?.[SERVICE_LABEL];
  return status?.containerStatuses?.find((container) => container.name === service);
}

/** A container that was started again has lost its memory: it is another incarnation of the same pod. */
function identityOf(
  { metadata }: Pod,
  main: ContainerStatus | undefined,
): Pick<InstanceObservation, 'id' | 'service' | 'incarnation' | 'template'> {
  const { name: id, labels = {}, annotations = {}, uid = '' } = metadata;
  return {
    id,
    service: labels[SERVICE_LABEL] ?? '',
    incarnation: `${uid}/${main?.restartCount ?? 0}`,
    template: annotations[ANNOTATIONS.template] ?? '',
  };
}

/** The kubelet waits longer each time only while the container fails again and again. */
function deathsInARow(main: ContainerStatus | undefined): number {
  return main?.state?.waiting?.reason === 'CrashLoopBackOff' ? main.restartCount : 0;
}

function leaveBy(pod: Pod, state: InstanceState): number | undefined {
  return state === 'leaving' ? time(pod.metadata.deletionTimestamp) : undefined;
}

/** Its init containers have ended. */
function initializedAt(pod: Pod): number | undefined {
  const condition = conditionOf(pod, 'Initialized');
  return condition?.status === 'True' ? time(condition.lastTransitionTime) : undefined;
}

function rankOf({ metadata }: Pod): number | undefined {
  const rank = metadata.annotations?.[DELETION_COST];
  return rank === undefined ? undefined : Number(rank);
}

/**
 * A pod that is being deleted on a node that does not answer will not come back: Kubernetes has given it
 * up, and what it held in memory is out of reach for good.
 */
function stateOf(pod: Pod, main: ContainerStatus | undefined, silent: ReadonlySet<string>): InstanceState {
  if (pod.metadata.deletionTimestamp !== undefined)
    return isOnSilentNode(pod, silent) ? 'dead' : leavingState(main);
  if (pod.status?.phase === 'Failed') return 'dead';
  if (holds(pod, 'Ready')) return 'ready';
  return main?.started === true ? 'unready' : 'starting';
}

function leavingState(main: ContainerStatus | undefined): InstanceState {
  return main?.state?.terminated === undefined ? 'leaving' : 'dead';
}

function sinceOf(pod: Pod, state: InstanceState): number {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
  const leavesSince = time(deletionTimestamp);
  if (state === 'leaving' && leavesSince !== undefined)
    return leavesSince - deletionGracePeriodSeconds * 1000;
  return time(conditionOf(pod, 'Ready')?.lastTransitionTime) ?? age(pod);
}

function age(pod: Pod): number {
  return time(pod.metadata.creationTimestamp) ?? 0;
}
