/**
 * What has become of the instances that an owner table names, where sessions are handed over. Pure.
 *
 * What always holds: nobody is taken for ended on a suspicion, since whoever has ended is not waited for. A pod that
 * is gone, or is on a node that does not answer, may still run there for a while.
 */
import type { Member } from '../../../session/told-table.ts';
import { SERVICE_LABEL } from '../objects/names.ts';
import type { ContainerStatus, Pod } from './kinds.ts';

/** Where an incarnation was heard, and when last. */
export interface HeardLife {
  /** Of the pod. */
  readonly uid: string;
  /** How often the container had been started again then. What the API server tells may be late. */
  readonly restarts: number;
  /** ms of a clock that never goes back. */
  readonly heardAt: number;
}

export interface FateInput {
  readonly members: readonly Member[];
  /** Of the application. */
  readonly pods: readonly Pod[];
  /** Names of the pods that have not been given up. */
  readonly present: ReadonlySet<string>;
  /** By incarnation. */
  readonly lives: ReadonlyMap<string, HeardLife>;
  /** The incarnation that was heard last in each pod, by its uid. */
  readonly latest: ReadonlyMap<string, string>;
  readonly now: number;
}

/**
 * - `there`: its pod is there, whether it answers or not
 * - `ended`: its process was seen to end
 * - `missing`: nothing is left of it, and it was not seen to end
 */
export type Fate = 'there' | 'ended' | 'missing';

/** Whoever was heard so lately is there, whatever the API server tells of its container; ms. */
const HEARD_LATELY_MS = 1_000;

/** By incarnation, of all members. */
export function fatesOf(input: FateInput): Map<string, Fate> {
  return new Map(input.members.map((member) => [member.incarnation, fateOf(member, input)]));
}

function fateOf({ id, incarnation }: Member, { pods, present, lives, latest, now }: FateInput): Fate {
  const life = lives.get(incarnation);
  const pod = pods.find(({ metadata }) =>
    life === undefined ? metadata.name === id : metadata.uid === life.uid,
  );
  if (pod === undefined) return 'missing';
  const heard = latest.get(pod.metadata.uid ?? '');
  if (heard !== undefined && heard !== incarnation) return 'ended';
  if (hasEnded(serviceContainer(pod), life, now)) return 'ended';
  return present.has(pod.metadata.name) ? 'there' : 'missing';
}

/** Of one of whom nothing was heard yet, only that nobody is there now can be said. */
function hasEnded(container: ContainerStatus | undefined, life: HeardLife | undefined, now: number): boolean {
  if (container === undefined || now - (life?.heardAt ?? -Infinity) < HEARD_LATELY_MS) return false;
  return container.restartCount > (life?.restarts ?? Infinity) || container.state?.terminated !== undefined;
}

/** That of the service itself. */
export function serviceContainer({ metadata, status }: Pod): ContainerStatus | undefined {
  const service = metadata.labels?.[SERVICE_LABEL];
  return status?.containerStatuses?.find((container) => container.name === service);
}
