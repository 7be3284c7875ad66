/** The configurations that the router's bench compares, and the ports that they use. Pure. */
import { haproxyConfig, type BackendSpec } from '../src/routing/haproxy-config.ts';

export const HOST = '127.0.0.1';
/** Header that names the user of the stateful service. */
export const USER_HEADER = 'x-user';
/** What every instance answers. */
export const BODY = 'hello';
export const STATELESS = 'community';
export const STATEFUL = 'login';

/** Ports of two instances. */
export type Pair = readonly [number, number];

/** What a person would write for two instances and no sessions. */
export function staticConfig(port: number, [one, two]: Pair, runtimeSocket: string): string {
  return `global
  nbthread 1
  stats socket ${runtimeSocket} mode 600 level admin

defaults
  mode http
  timeout connect 1s
  timeout client 1m
  timeout server 1m

frontend in
  bind ${HOST}:${port}
  default_backend ${STATELESS}

backend ${STATELESS}
  balance roundrobin
  server one ${HOST}:${one} check
  server two ${HOST}:${two} check
`;
}

/** Holdfast's own, for a stateful and a stateless service whose instances are added to the running router. */
export function holdfastConfig(port: number, sockets: { runtime: string; peer: string }): string {
  const backend = (service: string): BackendSpec => ({ service, readyPath: '/ready', servers: [] });
  return haproxyConfig({
    generation: 'bench',
    host: HOST,
    port,
    sockets,
    routes: [
      { path: `/${STATEFUL}`, service: STATEFUL },
      { path: '/', service: STATELESS },
    ],
    backends: [
      { ...backend(STATEFUL), stateful: { header: USER_HEADER, idleMs: 900_000 } },
      backend(STATELESS),
    ],
  });
}

/**
 * Instances that cost next to nothing: an HAProxy that answers by itself. On few cores whatever they
 * use is missing to what is measured.
 */
export function instancesConfig(pairs: readonly Pair[], runtimeSocket: string): string {
  const binds = pairs.flat().map((port) => `  bind ${HOST}:${port}`);
  return `global
  nbthread 1
  stats socket ${runtimeSocket} mode 600 level admin

defaults
  mode http
  timeout client 1h

frontend instances
${binds.join('\n')}
  http-request return status 200 content-type text/plain string "${BODY}"
`;
}
