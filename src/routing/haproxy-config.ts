/**
 * The configuration of the router, as text for HAProxy 2.6 and later.
 *
 * What always holds: a user of a stateful service is sent to the pin, else to the owner that the map
 * names, else gets 503 with Retry-After. Servers of stateful services have weight 0, so that load
 * balancing never has a candidate and no user reaches a random instance. Nothing is evaluated for a
 * stateless service beyond the choice of its backend.
 *
 * Maps are named by file name alone: HAProxy must run in the folder that holds them, which keeps the
 * folder's own name, whatever is in it, out of HAProxy's expressions.
 */
import { UserError } from '../app/failure.ts';
import { ownerOfSlot, SLOTS } from './owner-table.ts';
import type { OwnerTable } from './owner-table.ts';

export interface RouterSpec {
  /** Told by the running router, so that it can be seen which configuration is in force. */
  readonly generation: string;
  readonly host: string;
  readonly port: number;
  /** Paths of Unix sockets, at most 100 bytes long: commands, and the pins handed over at a reload. */
  readonly sockets: { readonly runtime: string; readonly peer: string };
  /** Longest path first. */
  readonly routes: readonly { readonly path: string; readonly service: string }[];
  readonly backends: readonly BackendSpec[];
}

export interface BackendSpec {
  readonly service: string;
  /** Path whose 2xx answer means that an instance can take requests. */
  readonly readyPath: string;
  /** The header that names a user, and how long an unused session lives in ms. */
  readonly stateful?: { readonly header: string; readonly idleMs: number };
  readonly servers: readonly ServerSpec[];
}

export interface ServerSpec {
  /** Instance id, as owner tables name it. */
  readonly name: string;
  /** At least 1, the same for one name as long as it exists: pins are cleared by it. */
  readonly id: number;
  readonly host: string;
  readonly port: number;
  /** A stateless service's `drain` gets no new requests. A stateful one keeps its users until the table and the pins change. */
  readonly state: 'ready' | 'drain';
}

/** Key of the map entry that holds the epoch of the table in force. */
export const EPOCH_ENTRY = 'epoch';

/** The backend that answers 404; no service can have this name. */
export const NO_ROUTE_BACKEND = 'holdfast_no_route';

/** A pin's key is a digest, so neither the length nor the bytes of a user's name matter. */
const DIGEST = 'sha1,hex';
const DIGEST_CHARACTERS = 40;
const PINS = '200k';
const PEERS = 'holdfast_peers';

/** File name of a service's map. */
export function mapFile(service: string): string {
  return `${service}.map`;
}

/**
 * Arguments that start HAProxy with `configFile`: a master with one worker. SIGUSR2 makes it reload; a
 * master that is still busy with its last start or reload loses that signal, so whoever sends it looks
 * at the generation in force and sends it again.
 */
export function haproxyArguments(configFile: string): string[] {
  return ['-W', '-f', configFile, '-L', 'local'];
}

/**
 * The parameters of a server, in the configuration as in the command that adds one. A server added by
 * command has none of the usual defaults: without the two for the pool HAProxy makes a connection for
 * every request, at three times the cost. Idle connections go before Node, after 5 s, would close them.
 */
export function serverParameters(id: number, stateful: boolean): string {
  const weight = stateful ? ' weight 0' : '';
  const checks = 'check inter 1s fastinter 200ms downinter 300ms fall 2 rise 1';
  const pool = 'pool-max-conn -1 pool-purge-delay 2s';
  return `id ${id}${weight} ${checks} observe layer4 error-limit 1 on-error fastinter ${pool}`;
}

/** The owner table as a map file: the epoch, then the owner of every slot that has one. */
export function ownerMap(table: OwnerTable): string {
  const lines = [`${EPOCH_ENTRY} ${table.epoch}`];
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const owner = ownerOfSlot(table, slot);
    if (owner !== undefined) lines.push(`${slot} ${token(owner, 'instance')}`);
  }
  return `${lines.join('\n')}\n`;
}

/** @throws UserError when a name or path cannot be written into HAProxy's configuration. */
export function haproxyConfig(spec: RouterSpec): string {
  return [
    ...globalSection(spec),
    ...peersSection(spec),
    ...defaultsSection(),
    ...frontendSection(spec),
    ...spec.backends.flatMap(backendSection),
    `backend ${NO_ROUTE_BACKEND}`,
    `  http-request return status 404 content-type text/plain string ${quoted('No service has this path.\n')}`,
    '',
  ].join('\n');
}

function globalSection({ generation, sockets }: RouterSpec): string[] {
  return [
    'global',
    '  nbthread 1',
    '  fd-hard-limit 50000',
    '  hard-stop-after 1h',
    '  unix-bind mode 600',
    `  description ${quoted(generation)}`,
    `  stats socket ${quoted(sockets.runtime)} mode 600 level admin expose-fd listeners`,
    '',
  ];
}

/** Carries the pins over a reload: the old worker tells them to the new one through a socket. */
function peersSection({ sockets, backends }: RouterSpec): string[] {
  if (backends.every(({ stateful }) => stateful === undefined)) return [];
  return [`peers ${PEERS}`, `  peer local ${quoted(`unix@${sockets.peer}`)}`, ''];
}

function defaultsSection(): string[] {
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
    '',
  ];
}

/** At a reload an idle connection gets one more answer with `Connection: close`, not a reset. */
function frontendSection({ host, port, routes }: RouterSpec): string[] {
  const fallback = routes.find(({ path }) => path === '/')?.service;
  const acls = routes.filter(({ path }) => path !== '/').flatMap(routeLines);
  return [
    'frontend holdfast_in',
    `  bind ${address(host, port)}`,
    '  option idle-close-on-response',
    '  option forwardfor',
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

function backendSection(backend: BackendSpec): string[] {
  const service = token(backend.service, 'service');
  return [
    `backend ${service}`,
    '  balance roundrobin',
    `  option httpchk`,
    `  http-check send meth GET uri ${quoted(backend.readyPath)} ver HTTP/1.1 hdr Host ${service}`,
    '  http-check expect status 200-299',
    ...(backend.stateful === undefined ? statelessLines() : statefulLines(service, backend.stateful)),
    ...backend.servers.map((server) => serverLine(server, backend.stateful !== undefined)),
    '',
  ];
}

/** A connection that could not be made has carried nothing: another instance may take the request. */
function statelessLines(): string[] {
  return ['  retries 3', '  retry-on conn-failure', '  option redispatch 1'];
}

/**
 * `req.fhdr` is the whole header (`req.hdr` would cut it at commas). A repeated header would be another
 * user to whoever reads the first one, so it is refused like a missing one.
 */
function statefulLines(service: string, { header, idleMs }: { header: string; idleMs: number }): string[] {
  const name = token(header, 'header');
  const digest = `req.fhdr(${name}),${DIGEST}`;
  const owner = `req.fhdr(${name}),xxh32,mod(${SLOTS}),map_str(${mapFile(service)})`;
  const needed = `This service tells its users apart by the header "${name}": send it once, with a value.\n`;
  return [
    '  retries 0',
    `  stick-table type string len ${DIGEST_CHARACTERS} size ${PINS} expire ${idleMs}ms srvkey name peers ${PEERS}`,
    `  stick match ${digest}`,
    `  stick store-request ${digest}`,
    `  http-request return status 400 content-type text/plain string ${quoted(needed)} unless { req.fhdr_cnt(${name}) eq 1 } { req.fhdr(${name}),length gt 0 }`,
    `  use-server %[${owner}] unless { ${digest},in_table(${service}) }`,
  ];
}

/**
 * A stateless server that drains starts `disabled`: weight 0 in the file would stay its full weight
 * when it becomes ready again.
 */
function serverLine({ name, id, host, port, state }: ServerSpec, stateful: boolean): string {
  const disabled = state === 'drain' && !stateful ? ' disabled' : '';
  return `  server ${token(name, 'instance')} ${address(host, port)} ${serverParameters(id, stateful)}${disabled}`;
}

/** Host and port as HAProxy writes them; IPv6 addresses in brackets. */
export function address(host: string, port: number): string {
  if (!/^[\w.:*-]+$/.test(host)) throw new UserError(`The router cannot use the address ${show(host)}`);
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A name that HAProxy takes as one word and that its expressions take as one argument. */
export function token(name: string, what: string): string {
  if (/^[\w.-]+$/.test(name)) return name;
  throw new UserError(
    `The router cannot use the ${what} name ${show(name)}: letters, digits, ".", "_" and "-" only`,
  );
}

/** Inside double quotes HAProxy knows backslash escapes and variables; a line break must be escaped. */
function quoted(text: string): string {
  const escaped = text.replaceAll(/["\\$]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`);
  if (/\p{Cc}/u.test(escaped))
    throw new UserError(`The router cannot use ${show(text)}: it has a control character`);
  return `"${escaped}"`;
}

const show = (text: string): string => JSON.stringify(text);
