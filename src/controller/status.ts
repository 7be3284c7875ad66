/** The answer to `status`: the whole application in one value. Pure. */
import { defined } from '../app/defined.ts';
import type { App } from '../app/model.ts';
import type { InstanceObservation, Observation } from '../platform/observation.ts';
import { slotCounts, type OwnerTable } from '../routing/owner-table.ts';
import { instanceCount, type Desired } from './desired.ts';
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
  /** Users that stay with it while it leaves, and until when (ms since the epoch) they may. */
  readonly pinned?: number;
  readonly leaveBy?: number;
  readonly problem?: string;
}

export interface ServiceStatus {
  readonly name: string;
  readonly stateful: boolean;
  readonly wanted: number;
  readonly ready: number;
  readonly epoch?: number;
  readonly instances: readonly InstanceStatus[];
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
    migrations: given(migrations, ['state', 'applied', 'pending', 'problem']),
    router: given(router, ['state', 'pid', 'problem']),
    waiting,
  };
}

/** Something is wrong that waiting alone will hardly mend. */
function hasFailed({ desired, observed }: StatusInput): boolean {
  return (
    observed.migrations.state === 'held' ||
    observed.database.state === 'failed' ||
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
  const counts = table === undefined ? [] : slotCounts(table);
  const backend = observed.router.backends[name];
  return {
    name,
    stateful: service?.stateful !== undefined,
    wanted: service === undefined ? 0 : instanceCount(service, desired.scale),
    ready: instances.filter((instance) => instance.state === 'ready').length,
    ...(table === undefined ? {} : { epoch: table.epoch }),
    instances: instances
      .toSorted((a, b) => a.ordinal - b.ordinal)
      .map((instance) => ({
        ...instanceStatus(instance),
        failed: failsAsWanted(instance, desired),
        ...(table === undefined
          ? {}
          : { share: (counts[table.owners.indexOf(instance.id)] ?? 0) / table.slots.length }),
        ...defined({ pinned: backend?.servers.find((s) => s.name === instance.id)?.pins }),
      })),
  };
}

function instanceStatus(instance: InstanceObservation): Omit<InstanceStatus, 'failed'> {
  return {
    id: instance.id,
    state: instance.state,
    pid: instance.pid ?? null,
    address: `${instance.host}:${instance.port}`,
    ...given(instance, ['incarnation', 'since', 'failures', 'leaveBy', 'problem']),
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
