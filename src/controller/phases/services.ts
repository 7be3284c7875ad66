import type { Service } from '../../app/model.ts';
import type { InstanceObservation } from '../../platform/observation.ts';
import type { OwnerTable } from '../../routing/owner-table.ts';
import {
  endStopping,
  planRollout,
  type InstanceStep,
  type RolloutWanted,
  type Traffic,
} from '../../scaling/rollout.ts';
import { instanceCount } from '../../scaling/instance-count.ts';
import type { PhaseInput, PhasePlan, Waiting } from '../phase.ts';

/** Every service in force has its instances; services that the file no longer names are ended. */
export function planServices(input: PhaseInput): PhasePlan<InstanceStep> {
  const { desired, observed } = input;
  const { inForce } = desired;
  if (inForce === undefined)
    return { steps: [], waiting: [{ part: 'services', reason: 'wait for the migrations' }] };
  const plans = inForce.app.services.map((service) => planService(service, input));
  const known = new Set(inForce.app.services.map((service) => service.name));
  const orphans = observed.instances.filter((instance) => !known.has(instance.service));
  return {
    steps: [...plans.flatMap((p) => p.steps), ...orphans.flatMap((orphan) => endOrphan(orphan, input))],
    waiting: [
      ...plans.flatMap((p) => p.waiting),
      ...orphans.map(({ id }) => ({ part: id, reason: 'ends, the file no longer names its service' })),
    ],
  };
}

function planService(service: Service, input: PhaseInput): PhasePlan<InstanceStep> {
  const { desired, observed } = input;
  const own = observed.instances.filter((instance) => instance.service === service.name);
  const count = instanceCount(service, desired.scale);
  const needsDatabase = observed.database.state !== 'none';
  const wanted: RolloutWanted = {
    service: service.name,
    count,
    template: desired.inForce?.templates[service.name] ?? '',
    startsAtOnce: startsAtOnce(observed),
    startWithin: service.health.start,
    leaveWithin: service.stateful?.drain ?? service.stop,
    stopWithin: service.stop,
  };
  const due = planRollout(wanted, own, (id) => traffic(id, service, input), observed.now);
  const lacksDatabase = needsDatabase && observed.database.state !== 'ready';
  const hold = lacksDatabase || isTableFirst(service, own, input);
  const steps = hold ? due.filter((step) => step.kind !== 'start-instance') : due;
  const held: Waiting[] =
    lacksDatabase && steps.length < due.length
      ? [{ part: service.name, reason: 'waits for the database' }]
      : [];
  return { steps, waiting: [...held, ...waitingFor(service.name, count, own, wanted.template)] };
}

/** Half of the processors are left to those who serve. */
function startsAtOnce({ processors = Infinity }: PhaseInput['observed']): number {
  return Math.max(1, Math.floor(processors / 2));
}

/** The table without whoever has died is there within so long, or it is not to be waited for; ms. */
const TABLE_WITHIN = 500;

/** Users of an instance that has just died wait for a table without it, and not for its next start, which would be slow work. */
function isTableFirst(
  { name, stateful }: Service,
  own: readonly InstanceObservation[],
  { observed, tables }: PhaseInput,
): boolean {
  if (stateful?.handoff !== true || !own.some(({ state }) => state === 'ready')) return false;
  const isTelling = observed.handOvers?.[name]?.isPublishing === true;
  const owners = tables[name]?.owners ?? [];
  return own.some(
    ({ id, state, since }) =>
      state === 'dead' && observed.now - since < TABLE_WITHIN && (isTelling || owners.includes(id)),
  );
}

function waitingFor(
  service: string,
  count: number,
  own: readonly InstanceObservation[],
  template: string,
): Waiting[] {
  const settled = own.filter((i) => i.state === 'ready' && i.template === template).length;
  const others = own.filter((i) => i.state !== 'ready' || i.template !== template);
  const missing = settled < count ? [{ part: service, reason: `${settled} of ${count} ready` }] : [];
  return [...missing, ...others.map((i) => ({ part: i.id, reason: describeInstance(i) }))];
}

function describeInstance(instance: InstanceObservation): string {
  const problem = instance.problem === undefined ? '' : `: ${instance.problem}`;
  return instance.state === 'ready' ? 'outdated, waits to be replaced' : `${instance.state}${problem}`;
}

function endOrphan(instance: InstanceObservation, { observed }: PhaseInput): InstanceStep[] {
  switch (instance.state) {
    case 'dead':
      return [{ kind: 'forget-instance', id: instance.id }];
    case 'stopping':
      return endStopping(instance, ORPHAN_STOP_WITHIN, observed.now);
    case 'starting':
    case 'ready':
    case 'unready':
    case 'leaving':
      return [
        {
          kind: 'stop-instance',
          id: instance.id,
          reason: 'the file no longer names its service',
          failure: false,
        },
      ];
  }
}

/** A service that is gone from the file has no `stop` of its own any more; ms. */
const ORPHAN_STOP_WITHIN = 10_000;

/** What is left of an instance's users. Without a router there are none, but there may be sessions. */
function traffic(id: string, service: Service, input: PhaseInput): Traffic {
  const owns = service.stateful?.handoff === true && input.tables[service.name]?.owners.includes(id);
  // What it has is at no other instance yet, or not at as many as it should be.
  return owns === true
    ? { drained: false, users: sessionsOf(id, input.observed) }
    : routedTraffic(id, service, input);
}

function routedTraffic(id: string, service: Service, { observed, tables }: PhaseInput): Traffic {
  const backend = observed.router.backends[service.name];
  const server = backend?.servers.find((s) => s.name === id);
  // A router that runs but does not answer may still send users there.
  if (server === undefined) return { drained: observed.router.state !== 'starting', users: 0 };
  if (service.stateful === undefined)
    return { drained: server.draining && server.requests === 0, users: server.requests };
  const users = Math.max(server.pins ?? 0, server.requests);
  const counted = server.pins !== undefined;
  return { drained: counted && users === 0 && isClosed(id, backend?.epoch, tables[service.name]), users };
}

function sessionsOf(id: string, { instances }: PhaseInput['observed']): number {
  return instances.find((instance) => instance.id === id)?.session?.answer?.sessions ?? 0;
}

/** No new user can come: the table in force, which the router works by, does not name the instance. */
function isClosed(id: string, epoch: number | undefined, table: OwnerTable | undefined): boolean {
  return table !== undefined && table.epoch === epoch && !table.owners.includes(id);
}
