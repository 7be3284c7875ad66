/** Answers what a router is asked, from what HAProxy says at that moment. */
import { OperationError } from '../../../app/failure.ts';
import type { HaproxyRouter, ObservedBackend, ObservedRouter } from '../../../routing/haproxy-router.ts';
import type { InstanceState, RoutedServerState, RouterState } from '../../../routing/router-state.ts';
import type { SharedPins } from '../../../routing/shared-pins.ts';
import { structureOf } from './router-plan.ts';
import type { Endpoint, RouterView } from './router-view.ts';
import type { AskedRouter } from './state-api.ts';

export interface AskedParts {
  readonly haproxy: HaproxyRouter;
  readonly pins: SharedPins;
  readonly view: () => RouterView | undefined;
  readonly isReady: () => boolean;
  readonly token: () => Promise<string>;
  readonly release: (service: string, name: string) => Promise<void>;
}

type Asking = Pick<AskedParts, 'haproxy' | 'view'>;

export function askedRouter(parts: AskedParts): AskedRouter {
  const { haproxy, pins, token, release } = parts;
  return {
    get isReady() {
      return parts.isReady();
    },
    token,
    async state(): Promise<RouterState> {
      const asked = [haproxy.observe(), pins.peers(), pins.lesson()] as const;
      const [observed, { peers }, lesson] = await Promise.all(asked);
      return {
        ready: parts.isReady(),
        generation: structureOf(observed.generation) ?? '',
        peers: peers.map(({ name }) => name),
        pins: lesson.pins,
        pinsKnown: lesson.known,
        services: await services(parts, observed),
      };
    },
    async instance(service, name): Promise<InstanceState> {
      if (!parts.isReady()) throw new OperationError('The router does not serve yet, or no more');
      return instanceState(parts, service, name);
    },
    release,
    pinOf: (service, key) => haproxy.pinOf(service, key),
  };
}

async function services(asking: Asking, observed: ObservedRouter): Promise<RouterState['services']> {
  const entries = Object.entries(observed.backends).map(async ([service, { epoch, servers }]) => {
    const endpoints = asking.view()?.endpoints.get(service) ?? [];
    const about = servers.map((server) => routedServer(asking, { service, epoch, server, endpoints }));
    return [
      service,
      { ...(epoch === undefined ? {} : { epoch }), servers: await Promise.all(about) },
    ] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

interface ServerPlace {
  readonly service: string;
  readonly epoch: number | undefined;
  readonly server: ObservedBackend['servers'][number];
  readonly endpoints: readonly Endpoint[];
}

/** Pins are counted of servers that end only: it is a look through the whole table. */
async function routedServer({ haproxy }: Asking, place: ServerPlace): Promise<RoutedServerState> {
  const { service, epoch, server, endpoints } = place;
  const { name, up, admin, currentSessions: requests } = server;
  if (epoch === undefined) return { name, up, draining: admin !== 'ready', requests };
  const draining = endpoints.some((endpoint) => endpoint.name === name && endpoint.terminating);
  if (!draining) return { name, up, draining, requests };
  return { name, up, draining, requests, pins: await haproxy.pinCount(service, server.id) };
}

/**
 * The epoch is read before requests, and those before pins: an instance without both, at an epoch that does
 * not name it, will have none at this router.
 */
async function instanceState(
  { haproxy, view }: Asking,
  service: string,
  name: string,
): Promise<InstanceState> {
  const backend = (await haproxy.observe()).backends[service];
  // A service that is no longer routed gets nobody.
  if (backend === undefined) return { closed: true, users: 0 };
  const table = view()?.tables.get(service);
  const isInForce = backend.epoch === (table?.epoch ?? 0);
  const closed = isInForce && table?.owners.includes(name) !== true;
  const server = backend.servers.find((candidate) => candidate.name === name);
  if (server === undefined) return { closed, users: 0 };
  const pins = await haproxy.pinCount(service, server.id);
  return { closed, users: Math.max(server.currentSessions, pins) };
}
