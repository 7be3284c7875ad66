/**
 * The router knows every instance that may have requests, and works by the owner table in force.
 * A member of the table is an instance that may hold sessions: ready, or not answering just now. Only a
 * death takes an instance out at once, never a suspicion. A leaving one gets no new users.
 */
import type { Service } from '../../app/model.ts';
import type { BackendObservation, InstanceObservation, RoutedServer } from '../../platform/observation.ts';
import type { Step } from '../../platform/step.ts';
import { movedSlots, type OwnerTable } from '../../routing/owner-table.ts';
import { steadyTable } from '../../routing/steady.ts';
import type { PhaseInput, PhasePlan, Waiting } from '../phase.ts';

export function planRoutes(input: PhaseInput): PhasePlan {
  const { desired, observed } = input;
  const structure = desired.inForce?.structure;
  const wait = (reason: string): Waiting => ({ part: 'router', reason });
  if (structure === undefined) return { steps: [], waiting: [wait('waits for the services')] };
  const { state, problem } = observed.router;
  switch (state) {
    case 'absent':
    case 'dead':
      return { steps: [{ kind: 'start-router', structure }], waiting: [wait(problem ?? 'starts')] };
    case 'starting':
      return { steps: [], waiting: [wait(problem ?? 'starts')] };
    case 'ready':
      return observed.router.structure === structure
        ? planBackends(input)
        : { steps: [{ kind: 'reload-router', structure }], waiting: [wait('takes over another structure')] };
  }
}

function planBackends(input: PhaseInput): PhasePlan {
  const services = input.desired.inForce?.app.services ?? [];
  const plans = services.map((service) => planBackend(service, input));
  return { steps: plans.flatMap((p) => p.steps), waiting: plans.flatMap((p) => p.waiting) };
}

function planBackend(service: Service, input: PhaseInput): PhasePlan {
  const instances = input.observed.instances.filter((i) => i.service === service.name);
  const backend = input.observed.router.backends[service.name] ?? { servers: [] };
  const steps = [
    ...backend.servers.flatMap((server) => staleServer(server, service, instances)),
    ...instances.flatMap((instance) => routeInstance(instance, service, backend)),
    ...(service.stateful === undefined ? [] : ownerTable(service, instances, input)),
  ];
  return { steps, waiting: [] };
}

/** A server whose instance is gone, or has come back as another process, is taken out with its pins. */
function staleServer(
  server: RoutedServer,
  service: Service,
  instances: readonly InstanceObservation[],
): Step[] {
  const instance = instances.find((i) => i.id === server.name);
  const unroute = (reason: string): Step[] => [
    { kind: 'unroute-instance', id: server.name, service: service.name, reason },
  ];
  if (instance === undefined || instance.state === 'dead') return unroute('it is gone');
  if (instance.state === 'stopping') return unroute('it ends');
  return instance.host === server.host && instance.port === server.port
    ? []
    : unroute('it came back elsewhere');
}

function routeInstance(instance: InstanceObservation, service: Service, backend: BackendObservation): Step[] {
  const about = { id: instance.id, service: service.name };
  const server = backend.servers.find((s) => s.name === instance.id);
  if (server === undefined) return instance.state === 'ready' ? [{ kind: 'route-instance', ...about }] : [];
  if (service.stateful !== undefined) return [];
  if (instance.state === 'leaving' && !server.draining) return [{ kind: 'drain-instance', ...about }];
  if (instance.state === 'ready' && server.draining) return [{ kind: 'undrain-instance', ...about }];
  return [];
}

function ownerTable(service: Service, instances: readonly InstanceObservation[], input: PhaseInput): Step[] {
  const table = input.tables[service.name];
  const backend = input.observed.router.backends[service.name] ?? { servers: [] };
  const owners = new Set(table?.owners);
  const members = instances.filter((i) => isMember(i, backend, owners)).map((i) => i.id);
  const planned = plannedTable(table, service.name, members);
  if (planned === undefined) return [];
  // The router is ahead when the stored tables were lost. Its epoch must not come to mean another table.
  const inForce = backend.epoch ?? 0;
  const next = inForce > (table?.epoch ?? 0) ? { ...planned, epoch: inForce + 1 } : planned;
  if (next === table && inForce === table.epoch) return [];
  const moved = movedSlots(table, next);
  return [{ kind: 'publish-table', table: next, moved, reason: `${members.length} owners` }];
}

/** With nobody there, the last table says best who is whose as soon as somebody comes back. */
function plannedTable(
  table: OwnerTable | undefined,
  service: string,
  members: readonly string[],
): OwnerTable | undefined {
  return members.length === 0 || hasOwners(table, members) ? table : steadyTable(table, service, members);
}

/** A table is even from the start, so with the same owners there is nothing to compute. */
function hasOwners(table: OwnerTable | undefined, members: readonly string[]): boolean {
  return table?.owners.length === members.length && members.every((member) => table.owners.includes(member));
}

function isMember(
  instance: InstanceObservation,
  backend: BackendObservation,
  owners: ReadonlySet<string>,
): boolean {
  switch (instance.state) {
    case 'ready':
      return owners.has(instance.id) || backend.servers.some((s) => s.name === instance.id);
    // After a restart of everything the former owners come back one after the other.
    case 'starting':
      return owners.has(instance.id);
    case 'unready':
      return owners.has(instance.id);
    case 'leaving':
    case 'stopping':
    case 'dead':
      return false;
  }
}
