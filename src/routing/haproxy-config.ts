/**
 * The configuration of the router, as text for HAProxy 2.6 and later. Nothing is evaluated for a stateless
 * service beyond the choice of its backend, whether there is an instance, and whether it may be asked again; `haproxy-backend.ts` has what
 * holds for stateful ones.
 *
 * Other files are named by file name alone: HAProxy must run in the folder that holds them, which keeps the
 * folder's own name, whatever is in it, out of HAProxy's expressions.
 */
import { backendSection, PEERS } from './haproxy-backend.ts';
import { address, quoted, token } from './haproxy-words.ts';
import { endSection, LEAVE_LINE } from './router-end.ts';
import { releasedSection } from './released-instances.ts';
import { hasPins } from './router-spec.ts';
import { tlsBindLines, tlsGlobalLines, tlsRules } from './router-tls.ts';
import type { RouterSpec } from './router-spec.ts';
import { INSTANCE_SCRIPT_LINE } from './wait-for-instance.ts';
import { pinsScriptLines, pinsSection } from './wait-for-pins.ts';

/** The backend that answers 404; no service can have this name. */
export const NO_ROUTE_BACKEND = 'holdfast_no_route';

/** The name among its peers of a router that shares its pins with none. */
export const ALONE = 'local';

/**
 * Arguments that start HAProxy with `configFile`: a master with one worker. SIGUSR2 makes it reload; a
 * master that is still busy with its last start or reload loses that signal, so whoever sends it looks
 * at the generation in force and sends it again.
 * @param self the router's name in its fleet
 */
export function haproxyArguments(configFile: string, self: string = ALONE): string[] {
  return ['-W', '-f', configFile, '-L', self];
}

/** @throws UserError when a name or path cannot be written into HAProxy's configuration. */
export function haproxyConfig(spec: RouterSpec): string {
  return [
    ...globalSection(spec),
    ...peersSection(spec),
    ...defaultsSection(spec),
    ...frontendSection(spec),
    ...spec.backends.flatMap((backend) => backendSection(backend, spec)),
    ...(hasPins(spec) ? pinsSection() : []),
    ...(hasPins(spec) && spec.fleet !== undefined ? releasedSection() : []),
    ...endSection(spec.ends === true),
    `backend ${NO_ROUTE_BACKEND}`,
    `  http-request return status 404 content-type text/plain string ${quoted('No service has this path.\n')}`,
    '',
  ].join('\n');
}

function globalSection(spec: RouterSpec): string[] {
  const { generation, sockets } = spec;
  return [
    'global',
    '  nbthread 1',
    '  fd-hard-limit 50000',
    '  hard-stop-after 1h',
    '  unix-bind mode 600',
    `  description ${quoted(generation)}`,
    `  stats socket ${quoted(sockets.runtime)} mode 600 level admin expose-fd listeners`,
    ...tlsGlobalLines(spec.tls),
    INSTANCE_SCRIPT_LINE,
    ...(hasPins(spec) ? pinsScriptLines(sockets.runtime) : []),
    '',
  ];
}

/**
 * Carries the pins over a reload: the old worker tells them to the new one at the router's own address.
 * Others in the section are told every pin as it is made, and teach theirs to a router that starts.
 */
function peersSection(spec: RouterSpec): string[] {
  if (!hasPins(spec)) return [];
  const { sockets, fleet } = spec;
  const peers =
    fleet === undefined
      ? [`  peer ${ALONE} ${quoted(`unix@${sockets.peer}`)}`]
      : [fleet.self, ...fleet.others].map(
          ({ name, host, port }) => `  peer ${token(name, 'router')} ${address(host, port)}`,
        );
  return [`peers ${PEERS}`, ...peers, ''];
}

function defaultsSection({ fleet }: RouterSpec): string[] {
  const unavailable = 'No instance can take this request now. Try again in a second.\n';
  return [
    'defaults',
    '  mode http',
    '  option http-keep-alive',
    '  http-reuse safe',
    '  timeout connect 1s',
    '  timeout check 2s',
    '  timeout http-request 10s',
    '  timeout http-keep-alive 1m',
    '  timeout client 10m',
    '  timeout server 10m',
    '  timeout tunnel 1h',
    `  http-error status 503 content-type text/plain string ${quoted(unavailable)} hdr Retry-After 1`,
    ...(fleet === undefined ? [] : DEAD_PEER_LINES),
    '',
  ];
}

/**
 * On a network a machine can die without a word: a connection on which nothing comes is asked after 2 s, and
 * cut when two more seconds bring no answer. The kernel answers for an instance that is only slow.
 */
const DEAD_PEER_LINES = [
  '  option srvtcpka',
  '  srvtcpka-idle 2s',
  '  srvtcpka-intvl 1s',
  '  srvtcpka-cnt 2',
];

/**
 * As `option forwardfor`, at half the cost, since the address is put into words once a connection. Who comes by the socket
 * has no address, and was told before.
 */
const FORWARDED_FOR_LINES = [
  '  tcp-request session set-var(sess.from) src,concat()',
  '  http-request add-header X-Forwarded-For %[var(sess.from)] if { var(sess.from) -m found }',
];

/**
 * At a reload an idle connection gets one more answer with `Connection: close`, not a reset. What comes by the
 * socket comes from the worker before this one, which has said who the client is.
 */
function frontendSection(spec: RouterSpec): string[] {
  const { host, port, routes, sockets, fleet } = spec;
  const fallback = routes.find(({ path }) => path === '/')?.service;
  const acls = routes.filter(({ path }) => path !== '/').flatMap(routeLines);
  return [
    'frontend holdfast_in',
    `  bind ${address(host, port)}`,
    ...tlsBindLines(host, spec.tls),
    `  bind ${quoted(`unix@${sockets.next}`)}`,
    '  option idle-close-on-response',
    ...FORWARDED_FOR_LINES,
    ...(fleet === undefined ? [] : [LEAVE_LINE]),
    ...tlsRules(spec.tls),
    // What a proxy before the router says is kept, for the address as for the protocol.
    '  http-request add-header X-Forwarded-Proto http unless { req.fhdr(x-forwarded-proto) -m found }',
    // It is about the instance's connection to the router, and the client has another one (RFC 9110, 7.6.1).
    '  http-response del-header Keep-Alive',
    ...acls,
    `  default_backend ${fallback === undefined ? NO_ROUTE_BACKEND : token(fallback, 'service')}`,
    '',
  ];
}

/** A path covers itself and what lies below it, by whole segments. */
function routeLines({ path, service }: { path: string; service: string }, index: number): string[] {
  const whole = path.replace(/\/+$/, '');
  return [
    `  acl route_${index} path -m str ${quoted(whole)}`,
    `  acl route_${index} path -m beg ${quoted(`${whole}/`)}`,
    `  use_backend ${token(service, 'service')} if route_${index}`,
  ];
}
