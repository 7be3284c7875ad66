/** What HAProxy is configured with, from what a router sees. Pure. */
import { defined } from '../../../app/defined.ts';
import type { PublishedStructure } from '../../../routing/published-structure.ts';
import type { ObservedRouter } from '../../../routing/haproxy-router.ts';
import { hasPins, type RouterSpec } from '../../../routing/router-spec.ts';
import { xxh32 } from '../../../routing/xxh32.ts';
import { PORTS } from '../objects/names.ts';
import { serverId, wantedServers } from './router-plan.ts';
import { runtimeSocket, selfOf, type RouterSettings } from './router-settings.ts';
import type { RouterView } from './router-view.ts';

/** The whole configuration; instances that are not ready keep the places that `present` has them in. */
export function routerSpec(
  settings: RouterSettings,
  view: RouterView,
  present: ObservedRouter['backends'],
): RouterSpec {
  const { structure, peers } = view;
  const others = peers.map(({ name, host }) => ({ name, host, port: PORTS.pins }));
  return {
    // A reload is seen by another generation, so the routers that the file names are part of it.
    generation: `${structure.generation} ${xxh32(Buffer.from(JSON.stringify(others))).toString(16)}`,
    host: settings.host,
    port: PORTS.service,
    ...tlsSpec(structure.tls),
    sockets: {
      runtime: runtimeSocket(settings),
      peer: `${settings.folder}/peer.sock`,
      next: `${settings.folder}/next.sock`,
    },
    fleet: { self: selfOf(settings), others },
    routes: structure.routes,
    backends: structure.backends.map((backend) => {
      const { service, readyPath, stateful } = backend;
      const { servers } = wantedServers(view, backend, present[service]?.servers ?? []);
      return { service, readyPath, servers, ...(stateful === undefined ? {} : { stateful }) };
    }),
  };
}

function tlsSpec(tls: PublishedStructure['tls']): Pick<RouterSpec, 'tls'> {
  if (tls === undefined) return {};
  return { tls: { port: PORTS.tls, ...defined({ redirect: tls.redirect }) } };
}

/** The ids of all endpoints by service with pins. */
export function knownIds({ structure, endpoints }: RouterView): Map<string, number[]> {
  const pinning = structure.backends.filter((backend) => hasPins({ backends: [backend] }));
  return new Map(
    pinning.map(({ service }) => [service, (endpoints.get(service) ?? []).map(({ uid }) => serverId(uid))]),
  );
}

/** Instances that can't be routed to because another one of their service has the same id. */
export function refusedInstances(
  { structure, ...view }: RouterView,
  present: ObservedRouter['backends'],
): string[] {
  return structure.backends.flatMap((backend) => {
    const servers = present[backend.service]?.servers ?? [];
    return wantedServers({ structure, ...view }, backend, servers).refused.map(({ name }) => name);
  });
}
