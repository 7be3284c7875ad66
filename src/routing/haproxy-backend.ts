/**
 * The section of a service in HAProxy's configuration.
 *
 * What always holds: a user of a stateful service is sent to the pin, else to the owner that the map names,
 * else gets 503 with Retry-After. Servers of stateful services have weight 0, so that load balancing never
 * has a candidate and no user reaches a random instance. Nobody follows the map before the pins are known, nor
 * in a worker that stops because of another one. With hand-over there are no pins: the map decides, and where its
 * owner cannot be reached, any instance does, since each knows who the owner is or waits until it is known.
 */
import { address, quoted, token } from './haproxy-words.ts';
import { changesFile, freedFile, mapFile, ownerExpression } from './router-maps.ts';
import type { BackendSpec, RouterSpec, ServerSpec, StatefulSpec } from './router-spec.ts';
import { xxh64 } from './tables/xxh64.ts';
import { keyLines, keyNeeded } from './user-key.ts';
import { HAS_SUCCESSOR } from './router-end.ts';
import { WAIT_FOR_INSTANCE_LINE } from './wait-for-instance.ts';
import { PINS_KNOWN, WAIT_FOR_PINS } from './wait-for-pins.ts';

/** The peers section that stateful services' pins are taught in. */
export const PEERS = 'holdfast_peers';

/**
 * A pin's key is a digest, so neither the length nor the bytes of a user's name matter. Whoever finds another user's digest
 * gets that user's instance, as whoever sends that user's name does: it need not withstand attacks, and costs a third.
 */
const DIGEST = 'xxh64,hex';
const DIGEST_CHARACTERS = 16;
const PINS = '200k';

/** The key of a user's pin. */
export function pinKey(user: string): string {
  const digest = xxh64(Buffer.from(user, 'utf8'), 0n);
  return digest.toString(16).toUpperCase().padStart(DIGEST_CHARACTERS, '0');
}

/** The server that stands for the next worker; no instance can have this name. */
export const NEXT_WORKER = 'holdfast_next';
/** No instance has it as its id. */
const NEXT_ID = 2_147_483_647;
/**
 * A worker that stops still answers a last request on each connection that a client has kept. It empties its stick table
 * once it has taught the next worker, and is told nothing any more, neither of tables nor of instances that have come and
 * gone, nor of users who were let go: that is known there only.
 */
const NEXT_WORKER_LINE = `  use-server ${NEXT_WORKER} if ${HAS_SUCCESSOR}`;

export function backendSection(backend: BackendSpec, spec: RouterSpec): string[] {
  const service = token(backend.service, 'service');
  const { stateful } = backend;
  return [
    `backend ${service}`,
    '  balance roundrobin',
    `  option httpchk`,
    `  http-check send meth GET uri ${quoted(backend.readyPath)} ver HTTP/1.1 hdr Host ${service}`,
    // While the path changes with a release, instances of the other version answer 404: they are as well as before.
    '  http-check expect status 200-499',
    ...(stateful === undefined ? STATELESS_LINES : statefulLines(service, stateful, spec)),
    ...backend.servers.map((server) => serverLine(server, stateful)),
    `  server ${NEXT_WORKER} ${quoted(`unix@${spec.sockets.next}`)} id ${NEXT_ID} weight 0`,
    '',
  ];
}

/**
 * The parameters of a server, in the configuration as in the command that adds one. A server added by
 * command has none of the usual defaults: without the two for the pool HAProxy makes a connection for
 * every request, at three times the cost. Idle connections go before Node, after 5 s, would close them.
 * @param isBalanced false: users come by pin and map only
 */
export function serverParameters(id: number, isBalanced: boolean): string {
  const weight = isBalanced ? '' : ' weight 0';
  const checks = 'check inter 1s fastinter 200ms downinter 300ms fall 2 rise 1';
  const pool = 'pool-max-conn -1 pool-purge-delay 2s';
  return `id ${id}${weight} ${checks} observe layer4 error-limit 1 on-error fastinter ${pool}`;
}

/**
 * A connection that could not be made has carried nothing: another instance may take the request. One that
 * ended without an answer may have carried it, so only what is only read is asked again.
 */
const STATELESS_LINES = [
  '  retries 3',
  '  retry-on conn-failure empty-response',
  '  option redispatch 1',
  '  http-request disable-l7-retry unless METH_GET',
  WAIT_FOR_INSTANCE_LINE,
  NEXT_WORKER_LINE,
];

/**
 * Its users have nowhere else to go: an instance that is only slow, on a machine that is very busy, keeps them
 * waiting. One that is dead refuses the connection, or lets it time out, which is noticed as soon as elsewhere.
 */
const PATIENT_CHECK = '  timeout check 10s';

/** A request that names no user, or perhaps two, is refused: whoever reads it otherwise would see another user. */
function statefulLines(service: string, stateful: StatefulSpec, { fleet }: RouterSpec): string[] {
  const userKey = stateful.key;
  if (userKey.kind !== 'path') token(userKey.name, userKey.kind);
  const { rules, key, condition } = keyLines(userKey);
  const needed = `This service tells its users apart by ${keyNeeded(userKey)}.\n`;
  const named = [
    PATIENT_CHECK,
    ...rules.map((rule) => `  ${rule}`),
    `  http-request return status 400 content-type text/plain string ${quoted(needed)} unless ${condition}`,
  ];
  return stateful.pins === false
    ? [...HAND_OVER_LINES, ...named, WAIT_FOR_INSTANCE_LINE, NEXT_WORKER_LINE, ...ownerLines(service, key)]
    : [...PINNED_LINES, ...named, ...pinLines(service, stateful, key, fleet !== undefined)];
}

/**
 * An instance may close a connection on which it has been asked nothing for a while, in the moment in which the router
 * asks: whoever only reads is asked for again, at the same instance. A connection that could not be made is not tried
 * again: HAProxy 2.6 loses count of a request that waits for that, and crashes when its server is deleted.
 */
const PINNED_LINES = [
  '  retries 3',
  '  retry-on empty-response',
  '  http-request disable-l7-retry unless METH_GET',
];

/**
 * Instances that hand sessions over forward requests to each other, and believe only each other. A connection that the
 * owner did not take has carried nothing: another instance takes the request, and lets it wait for the next owner.
 */
const HAND_OVER_LINES = [
  '  retries 3',
  '  retry-on conn-failure',
  '  option redispatch 1',
  '  http-request del-header Holdfast-Forwarded',
  '  http-request del-header Authorization-Holdfast',
];

/** Sends whom the condition holds for to the slot's owner: by the changes, else by the map they were made to. */
function ownerLines(service: string, key: string, condition = 'TRUE'): string[] {
  const changed = ownerExpression(key, changesFile(service));
  return [
    `  use-server %[${changed}] if ${condition} { ${changed} -m found }`,
    `  use-server %[${ownerExpression(key, mapFile(service))}] if ${condition}`,
  ];
}

/**
 * Whether a user follows the map is found out once a request, as it costs a digest; only who does is pinned, so that a
 * request of somebody who is pinned stores nothing. To be matched keeps a pin alive.
 */
function pinLines(service: string, { idleMs }: StatefulSpec, key: string, sharesPins: boolean): string[] {
  const digest = `${key},${DIGEST}`;
  const followsMap = sharesPins
    ? `{ ${digest},table_server_id(${service}) -m int -f ${freedFile(service)} }`
    : `!{ ${digest},in_table(${service}) }`;
  return [
    `  stick-table type string len ${DIGEST_CHARACTERS} size ${PINS} expire ${idleMs}ms srvkey name peers ${PEERS}`,
    `  stick match ${digest}`,
    `  stick store-request ${digest} if ${FOLLOWS_MAP} !{ stopping }`,
    `  http-request ${WAIT_FOR_PINS} if !${PINS_KNOWN} ${followsMap} !{ stopping }`,
    `  http-request set-var(txn.follows) bool(true) if ${PINS_KNOWN} ${followsMap}`,
    NEXT_WORKER_LINE,
    ...ownerLines(service, key, FOLLOWS_MAP),
  ];
}

const FOLLOWS_MAP = '{ var(txn.follows) -m found }';

/**
 * A stateless server that drains starts `disabled`: weight 0 in the file would stay its full weight
 * when it becomes ready again.
 */
function serverLine({ name, id, host, port, state }: ServerSpec, stateful: BackendSpec['stateful']): string {
  const disabled = state === 'drain' && stateful === undefined ? ' disabled' : '';
  const parameters = serverParameters(id, stateful === undefined || stateful.pins === false);
  return `  server ${token(name, 'instance')} ${address(host, port)} ${parameters}${disabled}`;
}
