/**
 * The routers run, and for every service with sessions there is a table that says who owns which users.
 * Routers follow the instances and the tables by themselves; that they have done so is waited for.
 */
import type { Service } from '../../app/model.ts';
import type { ClusterStep } from '../../platform/step.ts';
import { SLOTS_AT_A_TIME } from '../../routing/hand-over/next-change.ts';
import type { PhaseInput, PhasePlan, Waiting } from '../phase.ts';
import { planObjects } from './objects.ts';
import { planOwners } from './routes.ts';
import { planSessions } from './sessions.ts';

export function planClusterRoutes(input: PhaseInput): PhasePlan<ClusterStep> {
  const { wanted, inForce = wanted } = input.desired;
  const { steps, waiting } = planObjects('routes', input);
  const stateful = inForce.app.services.filter((service) => service.stateful !== undefined);
  const owners = stateful.flatMap((service) => ownersOf(service, input));
  const { state, problem, lacks = [] } = input.observed.router;
  const reasons = state === 'ready' ? lacks : [problem ?? 'starts'];
  const router = reasons.map((reason) => ({ part: 'router', reason }));
  const sessions = stateful.flatMap((service) => unsettledSessions(service, input));
  return { steps: [...steps, ...owners], waiting: [...waiting, ...router, ...sessions] };
}

function unsettledSessions({ name, stateful }: Service, input: PhaseInput): Waiting[] {
  const reason = stateful?.handoff === true ? unsettledReason(name, input) : undefined;
  return reason === undefined ? [] : [{ part: name, reason }];
}

/** Between two steps of a hand-over there may be none to take: it is not over then. */
function unsettledReason(name: string, { observed, tables }: PhaseInput): string | undefined {
  const work = observed.handOvers?.[name];
  if (work?.isBusy === true || work?.isPublishing === true) return 'hands sessions over';
  const isServed = observed.instances.some(({ service, state }) => service === name && state === 'ready');
  return isServed && tables[name] === undefined ? 'no instance has users yet' : undefined;
}

function ownersOf(service: Service, input: PhaseInput): ClusterStep[] {
  if (service.stateful?.handoff === true) return planSessions(service, input, SLOTS_AT_A_TIME.cluster);
  const own = input.observed.instances.filter((instance) => instance.service === service.name);
  return planOwners(service, own, input);
}
