/** What the router is told of a prepared application and its instances. Pure. */
import type { App } from '../../app/model.ts';
import type { RouterSpec, ServerSpec } from '../../routing/haproxy-config.ts';
import type { InstanceObservation } from '../observation.ts';
import type { MachinePrepared } from './prepared.ts';

/** What of a prepared application the router depends on. */
export type RoutedApp = Pick<MachinePrepared, 'app' | 'routerPort' | 'structure'>;

/** The whole configuration, with the instances that may have requests. */
export function routerSpec(
  { app, routerPort, structure }: RoutedApp,
  instances: readonly InstanceObservation[],
  sockets: RouterSpec['sockets'],
): RouterSpec {
  return {
    generation: structure,
    host: app.router.host,
    port: routerPort,
    sockets,
    routes: app.routes,
    backends: app.services.map((service) => ({
      service: service.name,
      readyPath: service.health.ready,
      ...(service.stateful && {
        stateful: { header: service.stateful.key.header, idleMs: service.stateful.idle },
      }),
      servers: instances.filter((i) => i.service === service.name).flatMap(serverSpec),
    })),
  };
}

/** Where users reach the application; an address that stands for all of them is reached as localhost. */
export function routerUrl({ app, routerPort }: RoutedApp): string {
  const { host } = app.router;
  const isAny = host === '0.0.0.0' || host === '::';
  return `http://${isAny ? 'localhost' : host.includes(':') ? `[${host}]` : host}:${routerPort}`;
}

/** Whether the service keeps its users' sessions in memory. */
export function isStateful(app: App, service: string): boolean {
  return app.services.some(({ name, stateful }) => name === service && stateful !== undefined);
}

function serverSpec(instance: InstanceObservation): ServerSpec[] {
  const { id: name, ordinal: id, host, port, state } = instance;
  if (state !== 'ready' && state !== 'unready' && state !== 'leaving') return [];
  return [{ name, id, host, port, state: state === 'leaving' ? 'drain' : 'ready' }];
}
