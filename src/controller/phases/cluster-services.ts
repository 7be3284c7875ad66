/**
 * Every service in force has its objects; Kubernetes starts, replaces and ends the instances. Before the
 * first set of migrations is applied nothing is in force: the wanted instances are started all the same,
 * and wait for the migrations by themselves.
 */
import type { Service } from '../../app/model.ts';
import type { InstanceObservation, InstanceState, RolloutObservation } from '../../platform/observation.ts';
import type { ObjectStep } from '../../platform/step.ts';
import { instanceCount } from '../../scaling/instance-count.ts';
import type { PhaseInput, PhasePlan, Waiting } from '../phase.ts';
import { planObjects } from './objects.ts';

export function planClusterServices(input: PhaseInput): PhasePlan<ObjectStep> {
  const { wanted, inForce = wanted } = input.desired;
  const ranks = inForce.app.services.flatMap((service) => rankInstances(service, input));
  const toBeRanked = new Set(ranks.flatMap((step) => ('service' in step ? [step.service] : [])));
  const objects = planObjects(
    'services',
    input,
    ({ kind, part, state }) =>
      toBeRanked.has(part) || (state === 'orphaned' ? isStillOfUse(kind, input) : lacksSecrets(input)),
  );
  const services = inForce.app.services.flatMap((service) => waitingFor(service, input));
  return { steps: [...ranks, ...objects.steps], waiting: [...objects.waiting, ...services] };
}

/**
 * What a release does without is kept until it is accepted: instances of the version before may need it, and a
 * roll-back finds it as it was, with its sessions. An autoscaler would contend for the number of instances.
 */
function isStillOfUse(kind: string, { desired: { inForce, accepted } }: PhaseInput): boolean {
  return inForce !== accepted && kind !== 'HorizontalPodAutoscaler';
}

/** Instances are made from what is in the Secrets: from others they would be replaced at once. */
function lacksSecrets({ observed }: PhaseInput): boolean {
  return (observed.objects ?? []).some(
    ({ kind, state }) => kind === 'Secret' && (state === 'missing' || state === 'different'),
  );
}

/**
 * A ReplicaSet takes any of its pods when it has too many, unless it is told which. Those with the
 * fewest users go first; the ranks go when they have served.
 */
function rankInstances(service: Service, { desired, observed }: PhaseInput): ObjectStep[] {
  if (service.stateful === undefined) return [];
  const rollout = observed.rollouts?.[service.name];
  if (rollout === undefined || rollout.state === 'absent') return [];
  const staying = observed.instances.filter((i) => i.service === service.name && i.state !== 'leaving');
  const shrinks = instanceCount(service, desired.scale) < rollout.replicas;
  const isRanked = ({ rank, users }: InstanceObservation): boolean =>
    shrinks ? rank !== undefined || users === undefined : rank === undefined;
  if (staying.every(isRanked)) return [];
  if (!shrinks && rollout.state !== 'complete') return [];
  const ranks = staying.map(({ id, users }) => [id, shrinks ? (users ?? 0) : null] as const);
  return [{ kind: 'rank-instances', service: service.name, ranks: Object.fromEntries(ranks) }];
}

function waitingFor(service: Service, { observed }: PhaseInput): Waiting[] {
  const { name } = service;
  const rollout = observed.rollouts?.[name] ?? { state: 'absent', replicas: 0 };
  const own = observed.instances.filter((instance) => instance.service === name);
  // What leaves, or is lost with its node, has been replaced: nothing that is wanted waits for it.
  const troubled = own.filter(({ state, problem }) => problem !== undefined && isWanted(state));
  return [
    ...rolloutReason(name, rollout),
    ...troubled.map(({ id, state, problem = '' }) => ({ part: id, reason: `${state}: ${problem}` })),
  ];
}

function rolloutReason(part: string, { state, problem }: RolloutObservation): Waiting[] {
  switch (state) {
    case 'complete':
      return [];
    case 'absent':
      return [{ part, reason: 'is being created' }];
    case 'changing':
      return [{ part, reason: problem ?? 'is being brought to what is wanted' }];
    case 'stuck':
      return [{ part, reason: problem ?? 'does not get ready' }];
  }
}

function isWanted(state: InstanceState): boolean {
  return state !== 'leaving' && state !== 'dead';
}
