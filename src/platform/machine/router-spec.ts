/** What the router is told of a prepared application and its instances. Pure. */
import type { App } from '../../app/model.ts';
import type { RouterSpec, ServerSpec } from '../../routing/router-spec.ts';
import type { InstanceObservation } from '../observation.ts';
import type { MachinePrepared } from './prepared.ts';

/** What of a prepared application the router depends on. */
export type RoutedApp = Pick<MachinePrepared, 'app' | 'routerPort' | 'tlsPort' | 'structure'>;

/** The whole configuration, with the instances that may have requests. */
export function routerSpec(
  { app, routerPort, tlsPort, structure }: RoutedApp,
  instances: readonly InstanceObservation[],
  sockets: RouterSpec['sockets'],
): RouterSpec {
  return {
    generation: structure,
    host: app.router.host,
    port: routerPort,
    sockets,
    ...tlsSpec(app.router, tlsPort),
    routes: app.routes,
    backends: app.services.map((service) => ({
      service: service.name,
      readyPath: service.health.ready,
      ...(service.stateful && {
        stateful: {
          key: service.stateful.key,
          idleMs: service.stateful.idle,
          ...(service.stateful.handoff ? { pins: false } : {}),
        },
      }),
      servers: instances.filter((i) => i.service === service.name).flatMap(serverSpec),
    })),
  };
}

/** Where users reach the application; an address that stands for all of them is reached as localhost. */
export function routerUrl({ app, routerPort, tlsPort }: RoutedApp): string {
  const host = isAny(app.router.host) ? 'localhost' : inUrl(app.router.host);
  return tlsPort === undefined ? `http://${host}:${routerPort}` : `https://${host}:${tlsPort}`;
}

/** Where services on this machine reach each other: HTTP also where users have HTTPS. */
export function callsUrl({ app, routerPort }: Pick<RoutedApp, 'app' | 'routerPort'>): string {
  const { host } = app.router;
  return `http://${host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : inUrl(host)}:${routerPort}`;
}

function tlsSpec({ host, tls }: App['router'], port: number | undefined): Pick<RouterSpec, 'tls'> {
  if (tls === undefined || port === undefined) return {};
  const except = [...LOOPBACK, ...(isAny(host) ? [] : [inUrl(host)])];
  return { tls: { port, ...(tls.redirect ? { redirect: { port, except: [...new Set(except)] } } : {}) } };
}

/** Nobody listens in on what does not leave the machine. */
const LOOPBACK = ['127.0.0.1', '[::1]'];

const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::';
const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** Whether the service keeps its users' sessions where they are. */
export function isStateful(app: App, service: string): boolean {
  return app.services.some(({ name, stateful }) => name === service && stateful?.handoff === false);
}

function serverSpec(instance: InstanceObservation): ServerSpec[] {
  const { id: name, ordinal: id, host, port, state } = instance;
  if (state !== 'ready' && state !== 'unready' && state !== 'leaving') return [];
  return [{ name, id, host, port, state: state === 'leaving' ? 'drain' : 'ready' }];
}
