/**
 * Whether the users of an application are really served: every router works by the structure and the owner
 * tables that are published, and has the instances that are ready. Pure.
 */
import type { Stateful } from '../../../app/model.ts';
import type { OwnerTable } from '../../../routing/owner-table.ts';
import type { RouterState } from '../../../routing/router-state.ts';
import type { InstanceObservation } from '../../observation.ts';
import type { ClusterPrepared } from '../objects/prepared.ts';
import { holds, isOnSilentNode, type Pod } from './kinds.ts';

/** What a router must work by. */
export interface ExpectedRouting {
  readonly structure: string;
  readonly services: Readonly<Record<string, ExpectedService>>;
}

export interface ExpectedService {
  /** Of the published table; absent while there is none, and for services without sessions. */
  readonly epoch?: number;
  /** Instances that are ready. */
  readonly instances: readonly string[];
}

export function expectedRouting(
  { app, structure }: ClusterPrepared,
  tables: Readonly<Record<string, OwnerTable>>,
  instances: readonly InstanceObservation[],
): ExpectedRouting {
  const services = app.services.map(({ name, stateful }) => {
    const ready = instances.filter(({ service, state }) => service === name && state === 'ready');
    const epoch = stateful === undefined ? undefined : expectedEpoch(stateful, tables[name]);
    const about = { instances: ready.map(({ id }) => id).toSorted() };
    return [name, epoch === undefined ? about : { ...about, epoch }] as const;
  });
  return { structure, services: Object.fromEntries(services) };
}

/**
 * Where sessions are handed over any table will do: whoever comes by an older one is forwarded, and newer ones follow
 * each other while copies move.
 */
function expectedEpoch({ handoff }: Stateful, table: OwnerTable | undefined): number | undefined {
  return handoff && table !== undefined ? 1 : table?.epoch;
}

/** The routers that users are sent to. @param silent nodes that do not answer */
export function servingRouters(pods: readonly Pod[], silent: ReadonlySet<string>): Pod[] {
  return pods.filter(
    (pod) =>
      pod.metadata.labels?.['app.kubernetes.io/name'] === 'router' &&
      pod.metadata.deletionTimestamp === undefined &&
      holds(pod, 'Ready') &&
      !isOnSilentNode(pod, silent),
  );
}

/** What a router lacks, as a sentence about it; undefined for nothing. @param state undefined: it can't be asked */
export function routingLack(state: RouterState | undefined, expected: ExpectedRouting): string | undefined {
  if (state === undefined)
    return 'does not say by what it routes (a NetworkPolicy has to let the controller reach its port 8081)';
  if (!state.ready) return 'does not serve yet';
  if (state.generation !== expected.structure) return 'does not have the routes in force yet';
  const lacks = Object.entries(expected.services).map(([name, service]) =>
    serviceLack(name, state.services[name], service),
  );
  return lacks.find((lack) => lack !== undefined);
}

function serviceLack(
  name: string,
  known: RouterState['services'][string] | undefined,
  { epoch, instances }: ExpectedService,
): string | undefined {
  // A later epoch was published after what is expected was seen.
  if (epoch !== undefined && (known?.epoch ?? 0) < epoch)
    return `does not route by epoch ${epoch} of ${name} yet`;
  const usable = new Set((known?.servers ?? []).filter(({ up }) => up).map((server) => server.name));
  const missing = instances.find((instance) => !usable.has(instance));
  return missing === undefined ? undefined : `does not send requests to ${missing} yet`;
}
