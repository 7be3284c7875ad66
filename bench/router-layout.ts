/** The configurations that the router's bench compares, and the ports that they use. Pure. */
import { haproxyConfig } from '../src/routing/haproxy-config.ts';
import type { BackendSpec, RouterSockets } from '../src/routing/router-spec.ts';

export const HOST = '127.0.0.1';
/** Header that names the user of the stateful service. */
export const USER_HEADER = 'x-user';
/** What every instance answers. */
export const BODY = 'hello';
export const STATELESS = 'community';
export const STATEFUL = 'login';

/** Ports of two instances. */
export type Pair = readonly [number, number];

/** Holdfast's own, for a stateful and a stateless service whose instances are added to the running router. */
export function holdfastConfig(port: number, sockets: RouterSockets): string {
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
      { ...backend(STATEFUL), stateful: { key: { kind: 'header', name: USER_HEADER }, idleMs: 900_000 } },
      backend(STATELESS),
    ],
  });
}

/**
 * Instances that cost next to nothing: an HAProxy that answers `BODY` by itself. On few cores whatever they
 * use is missing to what is measured.
 */
export function answeringConfig(ports: readonly number[], runtimeSocket: string): string {
  return `global
  nbthread 1
  stats socket ${runtimeSocket} mode 600 level admin

defaults
  mode http
  timeout client 1h

frontend instances
${ports.map((port) => `  bind ${HOST}:${port}`).join('\n')}
  http-request return status 200 content-type text/plain string "${BODY}"
`;
}

/** A router to be: where it listens, and the ports of the instances behind it. */
export interface PlaneSpec {
  readonly port: number;
  readonly instances: readonly number[];
}

/** What a person would write for round robin over some instances and no sessions. */
export function roundRobinConfig({ port, instances }: PlaneSpec, runtimeSocket: string): string {
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
  default_backend instances

backend instances
  balance roundrobin
${instances.map((at, index) => `  server instance-${index + 1} ${HOST}:${at} check`).join('\n')}
`;
}
