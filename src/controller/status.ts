/** The answer to `status`: the whole application in one value. Pure. */
import { defined } from '../app/defined.ts';
import type { App, Service } from '../app/model.ts';
import type { BackendObservation, InstanceObservation, Observation } from '../platform/observation.ts';
import { slotCounts, type OwnerTable } from '../routing/owner-table.ts';
import { contractStatus, type ContractStatus } from './contract.ts';
import { WARM } from '../routing/warm-up.ts';
import type { Desired } from './desired.ts';
import { instanceCount } from '../scaling/instance-count.ts';
import type { Waiting } from './phase.ts';
import { isSettled, type NamedPhasePlan } from './plan.ts';

export interface InstanceStatus {
  readonly id: string;
  readonly state: string;
  readonly pid: number | null;
  readonly address: string;
  readonly incarnation: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Deaths in a row without a stable life. */
  readonly failures: number;
  readonly failed: boolean;
  /** Share of the users it owns, 0 to 1; stateful services only. */
  readonly share?: number;
  /** While it warms up: the part of its full share that it has, 0 to 1. */
  readonly warm?: number;
  /** Sessions that it has, as their owner, by its own word; of services that hand them over. */
  readonly sessions?: number;
  /** Users that are still with it while it leaves, and until when (ms since the epoch) they may. */
  readonly pinned?: number;
  readonly leaveBy?: number;
  readonly problem?: string;
  /** The machine that it runs on, where there are several. */
  readonly node?: string;
}

export interface ServiceStatus {
  readonly name: string;
  readonly stateful: boolean;
  readonly wanted: number;
  readonly ready: number;
  readonly epoch?: number;
  /** Of a service that hands sessions over. */
  readonly copies?: CopiesStatus;
  readonly instances: readonly InstanceStatus[];
}

/** What would be lost, or is held up, if an instance ended now. */
export interface CopiesStatus {
  /** Slots without a second owner, and slots whose second owner has not got everything yet. */
  readonly alone: number;
  readonly incomplete: number;
  /** Sessions with a change that the second owner does not have. */
  readonly pending: number;
  /** Instances that do not answer. */
  readonly silent: readonly string[];
}

export interface Status {
  readonly name: string;
  readonly url: string | null;
  readonly state: 'ready' | 'changing' | 'failing';
  readonly services: readonly ServiceStatus[];
  readonly database: {
    readonly topology: string;
    readonly state: string;
    readonly address?: string;
    readonly pid?: number;
    readonly problem?: string;
  };
  readonly migrations: {
    readonly state: string;
    readonly applied: number;
    readonly pending: number;
    readonly problem?: string;
    /** Of the release in force. */
    readonly contract?: ContractStatus;
  };
  readonly router: { readonly state: string; readonly pid?: number; readonly problem?: string };
  readonly waiting: readonly Waiting[];
}

export interface StatusInput {
  readonly desired: Desired;
  readonly observed: Observation;
  readonly phases: readonly NamedPhasePlan[];
  readonly tables: Readonly<Record<string, OwnerTable>>;
  /** A step is being carried out. */
  readonly atWork: boolean;
}

export function statusOf(input: StatusInput): Status {
  const { desired, observed, phases, atWork } = input;
  const { app } = desired.wanted;
  const { database, migrations, router } = observed;
  const waiting = phases.flatMap((phase) => phase.waiting);
  const { inForce } = desired;
  const names = new Set([...(inForce?.app.services ?? []), ...app.services].map((s) => s.name));
  return {
    name: app.name,
    url: router.url ?? null,
    state: isSettled(phases) && !atWork ? 'ready' : hasFailed(input) ? 'failing' : 'changing',
    services: [...names].map((name) => serviceStatus(name, input)),
    database: {
      topology: app.database?.topology ?? 'none',
      ...given(database, ['state', 'address', 'pid', 'problem']),
    },
    migrations: {
      ...given(migrations, ['state', 'applied', 'pending', 'problem']),
      ...defined({ contract: contractStatus(input) }),
    },
    router: given(router, ['state', 'pid', 'problem']),
    waiting,
  };
}

/** Something is wrong that waiting alone will hardly mend. */
function hasFailed({ desired, observed }: StatusInput): boolean {
  return (
    observed.migrations.state === 'held' ||
    observed.database.state === 'failed' ||
    observed.router.state === 'failed' ||
    observed.instances.some((instance) => instance.state !== 'ready' && failsAsWanted(instance, desired))
  );
}

/** A failure of what the file says now; one of an outdated template has been answered by the new one. */
function failsAsWanted({ failed, service, template }: InstanceObservation, { wanted }: Desired): boolean {
  return failed && wanted.templates[service] === template;
}

function serviceStatus(name: string, { desired, observed, tables }: StatusInput): ServiceStatus {
  const service = findService(desired.inForce?.app, name) ?? findService(desired.wanted.app, name);
  const instances = observed.instances.filter((instance) => instance.service === name);
  const table = service?.stateful === undefined ? undefined : tables[name];
  const shareOf = service === undefined || table === undefined ? undefined : sharesIn(table, service);
  const backend = observed.router.backends[name];
  return {
    name,
    stateful: service?.stateful !== undefined,
    wanted: service === undefined ? 0 : instanceCount(service, desired.scale),
    ready: instances.filter((instance) => instance.state === 'ready').length,
    ...(table === undefined ? {} : { epoch: table.epoch }),
    ...copiesStatus(service, instances),
    instances: instances
      .toSorted((a, b) => a.ordinal - b.ordinal)
      .map((instance) => ({
        ...instanceStatus(instance),
        failed: failsAsWanted(instance, desired),
        ...shareOf?.(instance.id),
        ...defined({
          sessions: instance.session?.answer?.sessions,
          pinned: instance.state === 'leaving' ? usersLeft(instance, backend) : undefined,
        }),
      })),
  };
}

/** Users whose sessions it has: by its own word where it hands them over, by the router's where they are pinned. */
function usersLeft(
  { id, session }: InstanceObservation,
  backend: BackendObservation | undefined,
): number | undefined {
  return session?.answer?.sessions ?? backend?.servers.find(({ name }) => name === id)?.pins;
}

/** The share of an instance by its id; of a service that warms its instances up also how warm it is. */
function sharesIn(
  table: OwnerTable,
  { stateful }: Service,
): (id: string) => Pick<InstanceStatus, 'share' | 'warm'> {
  const counts = slotCounts(table);
  const fullest = Math.max(1, ...counts);
  const warms = stateful?.handoff === false && stateful.warmup > 0;
  return (id) => {
    const own = counts[table.owners.indexOf(id)] ?? 0;
    const warm = Math.round((WARM * own) / fullest) / WARM;
    return { share: own / table.slots.length, ...(warms && own > 0 && warm < 1 ? { warm } : {}) };
  };
}

function copiesStatus(
  service: Service | undefined,
  instances: readonly InstanceObservation[],
): { copies?: CopiesStatus } {
  return service?.stateful?.handoff === true ? { copies: copiesOf(instances) } : {};
}

function copiesOf(instances: readonly InstanceObservation[]): CopiesStatus {
  const sessions = instances.flatMap(({ session }) => session ?? []);
  const sum = (key: 'alone' | 'incomplete' | 'pending'): number =>
    sessions.reduce((total, { answer }) => total + (answer?.[key] ?? 0), 0);
  return {
    alone: sum('alone'),
    incomplete: sum('incomplete'),
    pending: sum('pending'),
    silent: instances.filter(({ session }) => session?.isSilent === true).map(({ id }) => id),
  };
}

function instanceStatus(instance: InstanceObservation): Omit<InstanceStatus, 'failed'> {
  return {
    id: instance.id,
    state: instance.state,
    pid: instance.pid ?? null,
    address: `${instance.host}:${instance.port}`,
    ...given(instance, ['incarnation', 'since', 'failures', 'leaveBy', 'problem', 'node']),
  };
}

function findService(app: App | undefined, name: string): App['services'][number] | undefined {
  return app?.services.find((service) => service.name === name);
}

/** The named properties that have a value. */
function given<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(
    keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]])),
  ) as Pick<T, K>;
}
