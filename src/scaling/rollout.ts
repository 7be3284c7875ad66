/**
 * How the instances of one service get from where they are to what is wanted: as many as asked for, all
 * from the wanted template. Level-based: looks only at the present, so it can begin at any moment.
 * Always holds: an instance is retired only while enough others are ready, and a new one of a new
 * template must be ready before an old one goes.
 */
import type { InstanceObservation } from '../platform/observation.ts';
import { restartDelay } from './backoff.ts';

export interface RolloutWanted {
  readonly service: string;
  readonly count: number;
  readonly template: string;
  /** How many may start at a time while others serve users. */
  readonly startsAtOnce: number;
  /** How long an instance may take to get ready, in ms. */
  readonly startWithin: number;
  /** How long a leaving instance may keep its users, in ms. */
  readonly leaveWithin: number;
  /** How long an instance may take to end after SIGTERM, in ms. */
  readonly stopWithin: number;
}

/** What the router knows of one instance: `drained` when it sends nobody new and nobody is left. */
export interface Traffic {
  readonly drained: boolean;
  readonly users: number;
}

export type InstanceStep =
  | {
      readonly kind: 'start-instance';
      readonly service: string;
      readonly ordinal: number;
      readonly reason: string;
    }
  | {
      readonly kind: 'retire-instance';
      readonly id: string;
      readonly leaveBy: number;
      readonly reason: string;
    }
  | { readonly kind: 'rejoin-instance'; readonly id: string }
  /** `failure`: it is ended for what it did or did not do, and its next start waits accordingly. */
  | {
      readonly kind: 'stop-instance';
      readonly id: string;
      readonly reason: string;
      readonly failure: boolean;
    }
  | { readonly kind: 'kill-instance'; readonly id: string; readonly reason: string }
  | { readonly kind: 'forget-instance'; readonly id: string };

interface Situation {
  readonly wanted: RolloutWanted;
  readonly now: number;
  readonly traffic: (id: string) => Traffic;
  readonly instances: readonly InstanceObservation[];
}

/** The steps that are due now. An empty list means: as wanted, or waiting for something. */
export function planRollout(
  wanted: RolloutWanted,
  instances: readonly InstanceObservation[],
  traffic: (id: string) => Traffic,
  now: number,
): InstanceStep[] {
  const situation = { wanted, instances, traffic, now };
  return [...endings(situation), ...calmly(situation, changes(situation))];
}

/** For so long at most a start takes a processor for itself; what takes longer mostly waits for something else. In ms. */
const START_AT_WORK = 2_000;

/** A program that starts is busy, and users of the instances that serve would wait for the processors. */
function calmly({ wanted, instances, now }: Situation, steps: readonly InstanceStep[]): InstanceStep[] {
  if (!instances.some(isReady)) return [...steps];
  const starting = instances.filter(
    ({ state, startedAt }) => state === 'starting' && now - startedAt < START_AT_WORK,
  );
  let room = wanted.startsAtOnce - starting.length;
  return steps.filter(({ kind }) => kind !== 'start-instance' || room-- > 0);
}

/** Instances on their way out, and those that failed for good. */
function endings({ wanted, instances, traffic, now }: Situation): InstanceStep[] {
  return instances.flatMap((instance): InstanceStep[] => {
    const { id } = instance;
    const stop = (reason: string, failure: boolean): InstanceStep[] => [
      { kind: 'stop-instance', id, reason, failure },
    ];
    switch (instance.state) {
      case 'stopping':
        return endStopping(instance, wanted.stopWithin, now);
      case 'leaving':
        if (traffic(id).drained) return stop('its users are gone', false);
        return now >= (instance.leaveBy ?? now)
          ? stop(`drain time is over, ${traffic(id).users} users left`, false)
          : [];
      case 'starting':
        return now - instance.startedAt > wanted.startWithin
          ? stop(`not ready within ${wanted.startWithin / 1000} s`, true)
          : [];
      case 'ready':
      case 'unready':
        return instance.hung ? stop('its liveness path fails', true) : [];
      case 'dead':
        return [];
    }
  });
}

/**
 * What is due for an instance that is to end. One that was not told yet, because the controller died in
 * between, is told; one that does not end in time is killed. Times in ms.
 */
export function endStopping(instance: InstanceObservation, within: number, now: number): InstanceStep[] {
  const { id } = instance;
  if (!instance.signalled)
    return [
      { kind: 'stop-instance', id, reason: instance.problem ?? 'it is to end', failure: instance.failed },
    ];
  return now - instance.since > within
    ? [{ kind: 'kill-instance', id, reason: `did not end within ${within / 1000} s` }]
    : [];
}

/** More, fewer, or other instances. */
function changes(situation: Situation): InstanceStep[] {
  const { wanted, instances } = situation;
  const staying = instances.filter((i) => i.state !== 'leaving' && i.state !== 'stopping');
  const current = staying.filter((i) => i.template === wanted.template);
  const outdated = staying.filter((i) => i.template !== wanted.template);
  return [
    ...revivals(situation, current),
    ...additions(situation, current, outdated),
    ...departures(situation, current, outdated),
  ];
}

/** Dead instances of the wanted template are started again under their id, after a delay that grows. */
function revivals({ wanted, now }: Situation, current: readonly InstanceObservation[]): InstanceStep[] {
  const keep = byValue(current).slice(0, wanted.count);
  return keep
    .filter((i) => i.state === 'dead' && now - i.since >= restartDelay(i.failures))
    .map(({ ordinal }) => ({ kind: 'start-instance', service: wanted.service, ordinal, reason: 'it died' }));
}

function additions(
  { wanted, instances }: Situation,
  current: readonly InstanceObservation[],
  outdated: readonly InstanceObservation[],
): InstanceStep[] {
  const alive = outdated.filter((i) => i.state !== 'dead').length;
  const surge = alive === 0 ? 0 : Math.max(1, Math.floor(wanted.count / 4));
  const there = current.length + instances.filter((i) => comesBack(i, wanted)).length;
  const room = Math.min(wanted.count - there, wanted.count + surge - there - alive);
  if (room <= 0) return [];
  const returning = instances
    .filter((i) => i.state === 'leaving' && i.template === wanted.template && !i.hung)
    .slice(0, room);
  const taken = new Set(instances.map((i) => i.ordinal));
  const reason = alive > 0 ? 'replaces an outdated one' : 'wanted';
  return [
    ...returning.map(({ id }): InstanceStep => ({ kind: 'rejoin-instance', id })),
    ...freeOrdinals(taken, room - returning.length).map((ordinal): InstanceStep => ({
      kind: 'start-instance',
      service: wanted.service,
      ordinal,
      reason,
    })),
  ];
}

/** One that did not get ready is started again under its own id, so that its failures are counted. */
function comesBack({ state, failed, hung, template }: InstanceObservation, wanted: RolloutWanted): boolean {
  return state === 'stopping' && failed && !hung && template === wanted.template;
}

function departures(
  { wanted, now }: Situation,
  current: readonly InstanceObservation[],
  outdated: readonly InstanceObservation[],
): InstanceStep[] {
  const surplus = byValue(current).slice(wanted.count);
  const ready =
    [...current, ...outdated].filter((i) => i.state === 'ready').length - surplus.filter(isReady).length;
  let spare = Math.max(0, ready - wanted.count);
  const replaced = byValue(outdated)
    .reverse()
    .filter((i) => !isReady(i) || spare-- > 0);
  const go =
    (reason: string) =>
    (i: InstanceObservation): InstanceStep => {
      if (i.state === 'dead') return { kind: 'forget-instance', id: i.id };
      // Nobody is with an instance that was never ready.
      if (i.state === 'starting') return { kind: 'stop-instance', id: i.id, reason, failure: false };
      return { kind: 'retire-instance', id: i.id, leaveBy: now + wanted.leaveWithin, reason };
    };
  return [...surplus.map(go('scaled down')), ...replaced.map(go('outdated'))];
}

/** Those most worth keeping first: ready before others, then by age. */
function byValue(instances: readonly InstanceObservation[]): InstanceObservation[] {
  const rank = { ready: 0, unready: 1, starting: 2, leaving: 3, stopping: 3, dead: 4 };
  return instances.toSorted((a, b) => rank[a.state] - rank[b.state] || a.ordinal - b.ordinal);
}

function isReady(instance: InstanceObservation): boolean {
  return instance.state === 'ready';
}

function freeOrdinals(taken: ReadonlySet<number>, count: number): number[] {
  const free: number[] = [];
  for (let ordinal = 1; free.length < count; ordinal++) if (!taken.has(ordinal)) free.push(ordinal);
  return free;
}
