import type { Service } from '../../app/model.ts';
import type { InstanceObservation } from '../../platform/observation.ts';
import type { Step } from '../../platform/step.ts';
import type { OwnerTable } from '../../routing/owner-table.ts';
import { endStopping, planRollout, type RolloutWanted, type Traffic } from '../../scaling/rollout.ts';
import { instanceCount } from '../desired.ts';
import type { PhaseInput, PhasePlan, Waiting } from '../phase.ts';

/** Every service in force has its instances; services that the file no longer names are ended. */
export function planServices(input: PhaseInput): PhasePlan {
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

function planService(service: Service, input: PhaseInput): PhasePlan {
  const { desired, observed } = input;
  const own = observed.instances.filter((instance) => instance.service === service.name);
  const count = instanceCount(service, desired.scale);
  const needsDatabase = observed.database.state !== 'none';
  const wanted: RolloutWanted = {
    service: service.name,
    count,
    template: desired.inForce?.templates[service.name] ?? '',
    startWithin: service.health.start,
    leaveWithin: service.stateful?.drain ?? service.stop,
    stopWithin: service.stop,
  };
  const due = planRollout(wanted, own, (id) => traffic(id, service, input), observed.now);
  const hold = needsDatabase && observed.database.state !== 'ready';
  const steps: Step[] = hold ? due.filter((step) => step.kind !== 'start-instance') : due;
  const held: Waiting[] =
    hold && steps.length < due.length ? [{ part: service.name, reason: 'waits for the database' }] : [];
  return { steps, waiting: [...held, ...waitingFor(service.name, count, own, wanted.template)] };
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

function endOrphan(instance: InstanceObservation, { observed }: PhaseInput): Step[] {
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

/** What the router says about an instance's users. Without a router there are none. */
function traffic(id: string, service: Service, { observed, tables }: PhaseInput): Traffic {
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

/** No new user can come: the table in force, which the router works by, does not name the instance. */
function isClosed(id: string, epoch: number | undefined, table: OwnerTable | undefined): boolean {
  return table !== undefined && table.epoch === epoch && !table.owners.includes(id);
}
