/**
 * What has to be done so that HAProxy is as it should be: from what is published and seen, and what HAProxy
 * says of itself, to steps. Pure, and it looks only at the present.
 *
 * What always holds: a server comes before the table that names it; an instance that is not ready keeps the
 * place it has, and gets none; an instance of a stateful service keeps its users as long as it has a place,
 * and pins to it stop counting before it loses that.
 */
import { xxh32 } from '../../../routing/xxh32.ts';
import type { ObservedRouter } from '../../../routing/haproxy-router.ts';
import { slotCounts, type OwnerTable } from '../../../routing/owner-table.ts';
import type { PublishedBackend } from '../../../routing/published-structure.ts';
import { hasPins, type ServerSpec } from '../../../routing/router-spec.ts';
import type { ConfiguredPeer, ObservedServer } from '../../../routing/runtime-replies.ts';
import type { Endpoint, RecalledView, RouterView } from './router-view.ts';

/** One change of the running HAProxy. */
export type RouterStep =
  /** Another structure, or a router to share pins with that it does not know. */
  | { readonly kind: 'reload' }
  | {
      readonly kind: 'add';
      readonly service: string;
      readonly stateful: boolean;
      readonly server: ServerSpec;
    }
  | { readonly kind: 'drain'; readonly service: string; readonly name: string }
  | { readonly kind: 'publish'; readonly table: OwnerTable }
  /** End the requests in flight at a server whose machine is dead. */
  | { readonly kind: 'cut'; readonly service: string; readonly name: string }
  /** Users pinned to these ids follow the table. */
  | { readonly kind: 'free'; readonly service: string; readonly ids: readonly number[] }
  /** The other routers are told that the users of these have been let go. */
  | { readonly kind: 'announce'; readonly ids: readonly number[] }
  /** Pins to these ids count. */
  | { readonly kind: 'hold'; readonly service: string; readonly ids: readonly number[] }
  | { readonly kind: 'remove'; readonly service: string; readonly name: string };

export interface RunningRouter extends ObservedRouter {
  /** The other routers in the configuration in force. */
  readonly peers: readonly ConfiguredPeer[];
  /** `SERVICE/NAME` of the servers that are being taken out. */
  readonly leaving: ReadonlySet<string>;
  /** Ids whose pins do not count, by stateful service. */
  readonly freed: ReadonlyMap<string, ReadonlySet<number>>;
  /** Ids of the servers whose users some router has let go. */
  readonly released: ReadonlySet<number>;
  /** Addresses from which nothing comes any more. */
  readonly silent: ReadonlySet<string>;
}

/** Servers of a service that should be in the router, and endpoints that can't be for now. */
export interface WantedServers {
  readonly servers: readonly ServerSpec[];
  /** Endpoints whose id another one has: about one in a million. */
  readonly refused: readonly Endpoint[];
}

const LARGEST_ID = 2 ** 31 - 2;

/** The numeric id of a pod's server: the same on every router, so that pins travel. At least 1. */
export function serverId(uid: string): number {
  return (xxh32(Buffer.from(uid)) % LARGEST_ID) + 1;
}

/** How a server is named in `RunningRouter.leaving`. */
export const serverKey = (service: string, name: string): string => `${service}/${name}`;

/** A reload comes first, and the others are for a HAProxy that cannot reload yet: nobody waits for that. */
export function planRouter(view: RecalledView, running: RunningRouter): RouterStep[] {
  const isOther = structureOf(running.generation) !== view.structure.generation;
  const reload: RouterStep[] = isOther || lacksPeer(view, running) ? [{ kind: 'reload' }] : [];
  // Of another structure HAProxy may lack all but the pins that it has.
  const stepsOf = isOther ? userSteps : backendSteps;
  const steps = view.structure.backends.flatMap((backend) => stepsOf(view, running, backend));
  return [...reload, ...announcements(view, running), ...steps];
}

function backendSteps(view: RecalledView, running: RunningRouter, backend: PublishedBackend): RouterStep[] {
  return [
    ...pinSteps(view, running, backend, 'hold'),
    ...serverSteps(view, running, backend),
    ...tableSteps(view, running, backend),
    ...pinSteps(view, running, backend, 'free'),
    ...removals(view, running, backend),
    ...cuts(running, backend),
  ];
}

function userSteps(view: RecalledView, running: RunningRouter, backend: PublishedBackend): RouterStep[] {
  return running.freed.has(backend.service) ? pinSteps(view, running, backend, 'free') : [];
}

/** Before users are let go here: whoever waits for that may end the instance then. */
function announcements(view: RecalledView, running: RunningRouter): RouterStep[] {
  const ids = [...view.released].filter((id) => !running.released.has(id));
  return ids.length === 0 || !hasPins(view.structure) ? [] : [{ kind: 'announce', ids }];
}

/** HAProxy tells the structure's generation, a space, and which routers its file names. */
export function structureOf(generation: string | undefined): string | undefined {
  return generation?.slice(0, Math.max(0, generation.lastIndexOf(' ')));
}

/** What of a service's endpoints belongs into the router, which has `present`. */
export function wantedServers(
  view: RouterView,
  { service, stateful }: PublishedBackend,
  present: readonly ObservedServer[],
): WantedServers {
  const places = new Map(present.map(({ name, id }) => [name, id]));
  const holds = (endpoint: Endpoint): boolean => places.get(endpoint.name) === serverId(endpoint.uid);
  const taken = new Set<number>();
  const servers: ServerSpec[] = [];
  const refused: Endpoint[] = [];
  // Who has a place keeps it against a newcomer with the same id.
  const endpoints = (view.endpoints.get(service) ?? []).toSorted(
    (a, b) => Number(holds(b)) - Number(holds(a)),
  );
  for (const endpoint of endpoints) {
    if (!holds(endpoint) && !mayCome(endpoint, stateful !== undefined)) continue;
    const id = serverId(endpoint.uid);
    if (taken.has(id)) refused.push(endpoint);
    else servers.push(serverSpec(endpoint, id));
    taken.add(id);
  }
  return { servers: servers.toSorted((a, b) => (a.name < b.name ? -1 : 1)), refused };
}

function serverSpec({ name, host, port, terminating }: Endpoint, id: number): ServerSpec {
  return { name, id, host, port, state: terminating ? 'drain' : 'ready' };
}

/** An instance that ends comes in for its users' sake only; whether it still answers HAProxy finds out. */
function mayCome({ ready, terminating }: Endpoint, isStateful: boolean): boolean {
  return terminating ? isStateful : ready;
}

/** Routers that have gone stay in the configuration until another reload: they disturb nobody. */
function lacksPeer({ structure, peers }: RouterView, running: RunningRouter): boolean {
  if (!hasPins(structure)) return false;
  return peers.some(
    ({ name, host }) => !running.peers.some((peer) => peer.name === name && hostOf(peer.address) === host),
  );
}

/** HAProxy prints `host:port`, with or without brackets around an IPv6 address. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

const serversOf = (running: RunningRouter, service: string): readonly ObservedServer[] =>
  running.backends[service]?.servers ?? [];

function serverSteps(view: RouterView, running: RunningRouter, backend: PublishedBackend): RouterStep[] {
  const { service } = backend;
  const stateful = backend.stateful !== undefined;
  const present = serversOf(running, service);
  return wantedServers(view, backend, present)
    .servers.filter(({ name }) => !running.leaving.has(serverKey(service, name)))
    .flatMap((server): RouterStep[] => {
      const place = present.find(({ name }) => name === server.name);
      const drains = server.state === 'drain' && !stateful;
      // The name is in use by a pod that has gone: it is removed first.
      if (place !== undefined && place.id !== server.id) return [];
      if (drains) return place?.admin === 'ready' ? [{ kind: 'drain', service, name: server.name }] : [];
      return isInPlace(server, place)
        ? []
        : [{ kind: 'add', service, stateful: stateful && backend.stateful?.pins !== false, server }];
    });
}

function isInPlace({ host, port }: ServerSpec, place: ObservedServer | undefined): boolean {
  return place?.admin === 'ready' && place.address === host && place.port === port;
}

/** A table that is newer than the one in force. */
function newerTable(
  view: RouterView,
  running: RunningRouter,
  { service, stateful }: PublishedBackend,
): OwnerTable | undefined {
  const table = view.tables.get(service);
  const inForce = running.backends[service]?.epoch ?? 0;
  return stateful !== undefined && table !== undefined && table.epoch > inForce ? table : undefined;
}

/** Whether a newer table waits for its owners to come. */
export function awaitsOwners(view: RecalledView, running: RunningRouter): boolean {
  return view.structure.backends.some((backend) => {
    const table = newerTable(view, running, backend);
    return table !== undefined && !mayBePublished(table, view, running);
  });
}

/**
 * Its owners can take users. Kubernetes may tell of a new one much later than the controller names it: as long as the
 * table in force can be followed, nobody is harmed by the wait. Where it cannot, what the new one has is better.
 */
function mayBePublished(table: OwnerTable, view: RecalledView, running: RunningRouter): boolean {
  if (hasItsOwners(table, running)) return true;
  const inForce = view.inForce.get(table.service);
  return view.overdue.has(table.service) && (inForce === undefined || !hasItsOwners(inForce, running));
}

/** Whether users can be sent to each owner. Who is named without a slot has copies only. */
function hasItsOwners(table: OwnerTable, running: RunningRouter): boolean {
  const { service, owners } = table;
  const usable = serversOf(running, service).filter(({ up, admin }) => up && admin === 'ready');
  const names = new Set(usable.map(({ name }) => name));
  if (owners.every((owner) => names.has(owner))) return true;
  const counts = slotCounts(table);
  return owners.every((owner, index) => counts[index] === 0 || names.has(owner));
}

/** Whether some users would be sent to an owner that is not there or does not answer. */
export function lacksOwners({ structure, tables }: RouterView, running: RunningRouter): boolean {
  return structure.backends.some(({ service, stateful }) => {
    const table = stateful === undefined ? undefined : tables.get(service);
    return table !== undefined && !hasItsOwners(table, running);
  });
}

function tableSteps(view: RecalledView, running: RunningRouter, backend: PublishedBackend): RouterStep[] {
  const table = newerTable(view, running, backend);
  return table !== undefined && mayBePublished(table, view, running) ? [{ kind: 'publish', table }] : [];
}

/** The ids of a service's servers whose pins should not count: those that go, or have gone lately. */
export function freedIds(
  view: RecalledView,
  backend: PublishedBackend,
  present: readonly ObservedServer[],
): Set<number> {
  const wanted = new Set(wantedServers(view, backend, present).servers.map(({ id }) => id));
  const going = present.map(({ id }) => id).filter((id) => !wanted.has(id));
  const freed = [...going, ...(view.freed.get(backend.service) ?? [])];
  return new Set(freed.filter((id) => !wanted.has(id)));
}

function pinSteps(
  view: RecalledView,
  running: RunningRouter,
  backend: PublishedBackend,
  kind: 'free' | 'hold',
): RouterStep[] {
  if (backend.stateful === undefined || backend.stateful.pins === false) return [];
  const { service } = backend;
  const wanted = freedIds(view, backend, serversOf(running, service));
  const freed = running.freed.get(service) ?? new Set<number>();
  const [these, without] = kind === 'free' ? [wanted, freed] : [freed, wanted];
  const ids = [...these].filter((id) => !without.has(id));
  return ids.length === 0 ? [] : [{ kind, service, ids }];
}

function removals(view: RouterView, running: RunningRouter, backend: PublishedBackend): RouterStep[] {
  const { service } = backend;
  const present = serversOf(running, service);
  const wanted = new Set(wantedServers(view, backend, present).servers.map(({ id }) => id));
  return present
    .filter(({ name, id }) => !wanted.has(id) && !running.leaving.has(serverKey(service, name)))
    .map(({ name }) => ({ kind: 'remove', service, name }));
}

/** Servers that are down while requests are in flight there: it may be that nobody will ever answer those. */
export function doubtful({ backends }: ObservedRouter): ObservedServer[] {
  const servers = Object.values(backends).flatMap((backend) => backend.servers);
  return servers.filter(({ up, currentSessions }) => !up && currentSessions > 0);
}

/** HAProxy's checks and the kernel agree: nothing comes from there. */
function cuts(running: RunningRouter, { service }: PublishedBackend): RouterStep[] {
  const all = new Set(doubtful(running));
  return serversOf(running, service)
    .filter((server) => all.has(server) && running.silent.has(server.address))
    .map(({ name }) => ({ kind: 'cut', service, name }));
}
