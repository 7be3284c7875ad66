/** Why a pod does not work, in words for people: Kubernetes' own, and what to do where that is known. Pure. */
import { SERVICE_LABEL } from '../objects/names.ts';
import { conditionOf, time, type ContainerState, type ContainerStatus, type Pod } from './kinds.ts';

/** What a container waits for that will hardly pass by itself. */
const FAILURES = new Set([
  'CrashLoopBackOff',
  'ImagePullBackOff',
  'ErrImagePull',
  'ErrImageNeverPull',
  'InvalidImageName',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

export interface PodProblem {
  readonly text: string;
  /** It will hardly pass by itself. */
  readonly failed: boolean;
}

/** Undefined while nothing is wrong. @param silent nodes that do not answer */
export function podProblem(pod: Pod, silent: ReadonlySet<string>): PodProblem | undefined {
  const node = pod.spec.nodeName;
  if (node !== undefined && silent.has(node)) return { text: `node ${node} does not answer`, failed: false };
  const { phase, reason, message } = pod.status ?? {};
  if (phase === 'Failed') return { text: join(reason ?? 'the pod has failed', message), failed: true };
  return unscheduled(pod) ?? containerProblem(pod);
}

function unscheduled(pod: Pod): PodProblem | undefined {
  const scheduled = conditionOf(pod, 'PodScheduled');
  if (scheduled === undefined || scheduled.status === 'True') return undefined;
  return { text: join('no node takes it', scheduled.message), failed: false };
}

function containerProblem(pod: Pod): PodProblem | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const found = [...initContainerStatuses, ...containerStatuses].flatMap(
    (container) => problemOf(container, startOf(pod, container)) ?? [],
  );
  return found.find(({ failed }) => failed) ?? found[0];
}

/** @param start how long it may take to get ready */
function problemOf(container: ContainerStatus, start: StartTime | undefined): PodProblem | undefined {
  const last = lastEnd(container, start);
  const wait = container.state?.waiting;
  if (wait?.reason !== undefined && FAILURES.has(wait.reason)) {
    const words = wait.reason === 'CrashLoopBackOff' ? last : (wait.message ?? last);
    return { text: join(`${container.name}: ${wait.reason}`, words), failed: true };
  }
  return endProblem(container, last);
}

/** @param last how it ended last */
function endProblem(
  { name, state, ready, restartCount }: ContainerStatus,
  last: string | undefined,
): PodProblem | undefined {
  if (state?.terminated !== undefined && state.terminated.exitCode !== 0)
    return { text: join(`${name} ended`, last), failed: restartCount > 0 };
  if (ready || last === undefined || restartCount === 0) return undefined;
  return { text: join(`${name} was started again`, last), failed: false };
}

/** How a container ended last: by whom, an exit code, and the last lines that it wrote. */
function lastEnd({ state, lastState }: ContainerStatus, start: StartTime | undefined): string | undefined {
  const end = state?.terminated ?? lastState?.terminated;
  return end && join(howItEnded(end, start), end.message?.trim());
}

type End = NonNullable<ContainerState['terminated']>;

function howItEnded(end: End, start: StartTime | undefined): string {
  if (end.reason === 'OOMKilled') return 'it needed more memory than its limit (raise resources.memory)';
  if (start !== undefined && wasEndedForNotStarting(end, start))
    return `it was not ready within health.start (${start.seconds}s): its path health.ready did not answer 2xx`;
  return `exit code ${end.exitCode}`;
}

/** A service's own bounds on its start; s. */
interface StartTime {
  readonly seconds: number;
  /** Between being told to end and being killed. */
  readonly grace: number;
}

/** Of the container of a service; how long Holdfast's own may take is not the user's to say. */
function startOf({ metadata, spec }: Pod, { name }: ContainerStatus): StartTime | undefined {
  if (metadata.labels?.[SERVICE_LABEL] !== name) return undefined;
  const probe = spec.containers?.find((container) => container.name === name)?.startupProbe;
  if (probe === undefined) return undefined;
  const { periodSeconds = 10, failureThreshold = 3, terminationGracePeriodSeconds: grace = 30 } = probe;
  return { seconds: periodSeconds * failureThreshold, grace };
}

/** Exit codes of a program that was told to end: by itself, by SIGTERM, by SIGKILL. */
const TOLD_TO_END: ReadonlySet<number> = new Set([0, 143, 137]);
/** Probes and the kubelet's own work are late by so much, and its times are whole seconds; s. */
const LATE = 5;

/** The kubelet does not say why it ended a container, but one that it gave up lived for just that long. */
function wasEndedForNotStarting({ exitCode, startedAt, finishedAt }: End, start: StartTime): boolean {
  const [from, to] = [time(startedAt), time(finishedAt)];
  if (from === undefined || to === undefined || !TOLD_TO_END.has(exitCode)) return false;
  const lived = (to - from) / 1000;
  return lived >= start.seconds - 1 && lived <= start.seconds + start.grace + LATE;
}

function join(text: string, more: string | undefined): string {
  return more === undefined || more === '' ? text : `${text}: ${more}`;
}
