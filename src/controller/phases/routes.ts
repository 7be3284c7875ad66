/**
 * The router knows every instance that may have requests, and works by the owner table in force.
 * A member of the table is an instance that may hold sessions: ready, or not answering just now. Only a
 * death takes an instance out at once, never a suspicion. A leaving one gets no new users.
 */
import type { Service, TableKind } from '../../app/model.ts';
import type { BackendObservation, InstanceObservation, RoutedServer } from '../../platform/observation.ts';
import type { MachineStep, ProcessStep, SharedStep } from '../../platform/step.ts';
import { SLOTS_AT_A_TIME } from '../../routing/hand-over/next-change.ts';
import { movedSlots, slotCounts, type OwnerTable } from '../../routing/owner-table.ts';
import { kindOf, makeTable } from '../../routing/tables/make-table.ts';
import { alike, type Member } from '../../routing/tables/member.ts';
import { WARM, warmingMembers } from '../../routing/warm-up.ts';
import type { PhaseInput, PhasePlan, Waiting } from '../phase.ts';
import { planSessions } from './sessions.ts';

export function planRoutes(input: PhaseInput): PhasePlan<MachineStep> {
  const routes = planRouter(input);
  const handsOver = input.desired.inForce?.app.services.filter(({ stateful }) => stateful?.handoff === true);
  const sessions =
    handsOver?.flatMap((service) => planSessions(service, input, SLOTS_AT_A_TIME.machine)) ?? [];
  return { steps: [...routes.steps, ...sessions], waiting: routes.waiting };
}

function planRouter(input: PhaseInput): PhasePlan<MachineStep> {
  const { desired, observed } = input;
  const structure = desired.inForce?.structure;
  const wait = (reason: string): Waiting => ({ part: 'router', reason });
  if (structure === undefined) return { steps: [], waiting: [wait('waits for the services')] };
  const { state, problem } = observed.router;
  switch (state) {
    case 'absent':
      return { steps: [{ kind: 'start-router', structure }], waiting: [wait(problem ?? 'starts')] };
    case 'starting':
    case 'failed':
      return { steps: [], waiting: [wait(problem ?? 'starts')] };
    case 'ready':
      return observed.router.structure === structure
        ? planBackends(input)
        : { steps: [{ kind: 'reload-router', structure }], waiting: [wait('takes over another structure')] };
  }
}

function planBackends(input: PhaseInput): PhasePlan<MachineStep> {
  const renewal: MachineStep[] =
    input.observed.router.hasNewCertificate === true ? [{ kind: 'renew-certificate' }] : [];
  const services = input.desired.inForce?.app.services ?? [];
  const plans = services.map((service) => planBackend(service, input));
  return { steps: [...renewal, ...plans.flatMap((p) => p.steps)], waiting: plans.flatMap((p) => p.waiting) };
}

function planBackend(service: Service, input: PhaseInput): PhasePlan<MachineStep> {
  const instances = input.observed.instances.filter((i) => i.service === service.name);
  const backend = input.observed.router.backends[service.name] ?? { servers: [] };
  const steps = [
    ...backend.servers.flatMap((server) => staleServer(server, service, instances)),
    ...instances.flatMap((instance) => routeInstance(instance, service, backend)),
    ...(service.stateful !== undefined && !service.stateful.handoff
      ? planOwners(service, instances, input)
      : []),
  ];
  return { steps, waiting: [] };
}

/** A server whose instance is gone, or has come back as another process, is taken out with its pins. */
function staleServer(
  server: RoutedServer,
  service: Service,
  instances: readonly InstanceObservation[],
): ProcessStep[] {
  const instance = instances.find((i) => i.id === server.name);
  const unroute = (reason: string): ProcessStep[] => [
    { kind: 'unroute-instance', id: server.name, service: service.name, reason },
  ];
  if (instance === undefined || instance.state === 'dead') return unroute('it is gone');
  if (instance.state === 'stopping') return unroute('it ends');
  return instance.host === server.host && instance.port === server.port
    ? []
    : unroute('it came back elsewhere');
}

function routeInstance(
  instance: InstanceObservation,
  service: Service,
  backend: BackendObservation,
): ProcessStep[] {
  const about = { id: instance.id, service: service.name };
  const server = backend.servers.find((s) => s.name === instance.id);
  if (server === undefined) return instance.state === 'ready' ? [{ kind: 'route-instance', ...about }] : [];
  if (service.stateful !== undefined) return [];
  if (instance.state === 'leaving' && !server.draining) return [{ kind: 'drain-instance', ...about }];
  if (instance.state === 'ready' && server.draining) return [{ kind: 'undrain-instance', ...about }];
  return [];
}

/** The table that follows from the instances there are now, where it differs from the one in force. */
export function planOwners(
  service: Service,
  instances: readonly InstanceObservation[],
  input: PhaseInput,
): SharedStep[] {
  const table = input.tables[service.name];
  const backend = input.observed.router.backends[service.name] ?? { servers: [] };
  const owners = new Set(table?.owners);
  const candidates = instances.filter((i) => isMember(i, backend, owners));
  const members = membersOf(service, candidates, { table, now: input.observed.now });
  const planned = plannedTable(table, service, members);
  if (planned === undefined) return [];
  // The router is ahead when the stored tables were lost. Its epoch must not come to mean another table.
  const inForce = backend.epoch ?? 0;
  const next = inForce > (table?.epoch ?? 0) ? { ...planned, epoch: inForce + 1 } : planned;
  if (next === table && inForce === table.epoch) return [];
  const moved = movedSlots(table, next);
  return [{ kind: 'publish-table', table: next, moved, reason: reasonFor(members) }];
}

/** The instances with the weights that they are to have now. */
export function membersOf(
  { stateful }: Service,
  instances: readonly InstanceObservation[],
  { table, now }: { readonly table: OwnerTable | undefined; readonly now: number },
): Member[] {
  const candidates = instances.map(({ id, state, since, startedAt }) => ({
    id,
    readyFor: state === 'ready' ? now - since : undefined,
    runsFor: now - startedAt,
  }));
  return warmingMembers(table, candidates, stateful?.warmup ?? 0);
}

function reasonFor(members: readonly Member[]): string {
  const warming = members.filter(({ weight }) => weight < WARM);
  const steps = warming.map(({ id, weight }) => `, ${id} at ${(100 * weight) / WARM} %`);
  return [`${members.length} owners`, ...steps].join('');
}

/** With nobody there, the last table says best who is whose as soon as somebody comes back. */
function plannedTable(
  table: OwnerTable | undefined,
  { name, stateful }: Service,
  members: readonly Member[],
): OwnerTable | undefined {
  const kind = stateful?.table ?? 'steady';
  if (members.length === 0 || isFor(table, kind, members)) return table;
  const areAlike = members.every(({ weight }) => weight === WARM);
  return makeTable(kind, table, name, areAlike ? alike(members.map(({ id }) => id)) : members);
}

/** A table is made once for its owners, so with the same ones there is nothing to compute. */
function isFor(
  table: OwnerTable | undefined,
  kind: TableKind,
  members: readonly Member[],
): table is OwnerTable {
  return (
    table !== undefined &&
    kindOf(table) === kind &&
    table.owners.length === members.length &&
    members.every(({ id, weight }) => weight === WARM && table.owners.includes(id)) &&
    (kind !== 'steady' || isEven(table))
  );
}

/** Not so while somebody warms up. */
function isEven(table: OwnerTable): boolean {
  const counts = slotCounts(table);
  return Math.max(...counts) - Math.min(...counts) <= 1;
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
