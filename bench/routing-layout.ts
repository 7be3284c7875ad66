/** The configurations of the data planes that the bench of routing compares. Pure. */
import { haproxyConfig } from '../src/routing/haproxy-config.ts';
import type { RouterSockets } from '../src/routing/router-spec.ts';
import { HOST, USER_HEADER, type PlaneSpec } from './router-layout.ts';

export const SERVICE = 'login';

/** Holdfast's own, for one service with sessions. */
export function ownersConfig({ port, instances }: PlaneSpec, sockets: RouterSockets, pins: boolean): string {
  return haproxyConfig({
    generation: 'bench',
    host: HOST,
    port,
    sockets,
    routes: [{ path: '/', service: SERVICE }],
    backends: [
      {
        service: SERVICE,
        readyPath: '/ready',
        stateful: { key: { kind: 'header', name: USER_HEADER }, idleMs: 900_000, pins },
        servers: instances.map((at, index) => ({
          name: instanceName(index),
          id: index + 1,
          host: HOST,
          port: at,
          state: 'ready',
        })),
      },
    ],
  });
}

/** nginx with one worker; it must run in a folder that it may write to. */
export function nginxConfig({ port, instances }: PlaneSpec): string {
  return `worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream ${SERVICE} {
    hash $http_${USER_HEADER.replaceAll('-', '_')} consistent;
${instances.map((at) => `    server ${HOST}:${at};`).join('\n')}
    keepalive 128;
    keepalive_requests 1000000000;
  }
  server {
    listen ${HOST}:${port};
    location / {
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass http://${SERVICE};
    }
  }
}
`;
}

/** Envoy's configuration, as JSON, which is YAML too. */
export function envoyConfig({ port, instances }: PlaneSpec, policy: 'RING_HASH' | 'MAGLEV'): string {
  const address = (at: number): object => ({ socket_address: { address: HOST, port_value: at } });
  const route = {
    match: { prefix: '/' },
    route: { cluster: SERVICE, hash_policy: [{ header: { header_name: USER_HEADER } }] },
  };
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'in',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  const listener = {
    address: address(port),
    filter_chains: [
      { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
    ],
  };
  const endpoints = instances.map((at) => ({ endpoint: { address: address(at) } }));
  const cluster = {
    name: SERVICE,
    connect_timeout: '1s',
    type: 'STATIC',
    lb_policy: policy,
    load_assignment: { cluster_name: SERVICE, endpoints: [{ lb_endpoints: endpoints }] },
  };
  return JSON.stringify({ static_resources: { listeners: [listener], clusters: [cluster] } });
}

export function instanceName(index: number): string {
  return `${SERVICE}-${index + 1}`;
}
