/** Passes a request on to the slot's owner as it comes, one hop at most. Who passes it on has not run it. */
import { request as send, type Agent, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { QuietPeers } from './quiet-peers.ts';
import { answerPlainly, refuseUpgrade } from './unavailable.ts';

/** On what was forwarded: the epoch of the table by which it was. Counts with the token beside it only. */
export const FORWARDED = 'holdfast-forwarded';
export const AUTHORIZATION = 'authorization-holdfast';
/** A connection on which nothing happens for longer is given up. */
const SILENCE_MS = 120_000;
const OF_THE_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', FORWARDED, AUTHORIZATION]);
/** An owner that takes no connection for so long is not there. */
const CONNECT_MS = 1000;
/** Nothing has reached the owner, so that it is safe to try again. */
const UNSENT = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND']);

export interface Forwarding {
  /** Where the owner serves users. */
  readonly http: string;
  readonly epoch: number;
  readonly token: string;
  readonly agent: Agent;
  readonly peers: QuietPeers;
}

/** @param unreached called instead of an answer when the owner cannot be reached: nothing of the request is used up */
export function forward(
  request: IncomingMessage,
  response: ServerResponse,
  to: Forwarding,
  unreached: () => void,
): void {
  const sent = open(
    request,
    to,
    request.headers['connection'] === 'close' ? [] : ['connection', 'keep-alive'],
  );
  let isReached = false;
  sent.once('socket', (socket) => {
    const begin = (): void => {
      isReached = true;
      request.pipe(sent);
    };
    if (!socket.connecting) return begin();
    const late = setTimeout(() => sent.destroy(new Error('the owner takes no connection')), CONNECT_MS);
    socket.once('connect', begin);
    for (const over of ['connect', 'close']) socket.once(over, () => clearTimeout(late));
  });
  sent.once('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
    answer.pipe(response);
    answer.once('error', () => response.destroy());
  });
  sent.once('error', () => {
    if (isReached) answerPlainly(response, 502, 'The owner of the session cannot be reached.');
    else unreached();
  });
  response.once('close', () => sent.destroy());
}

export function forwardUpgrade(request: IncomingMessage, { socket, head }: Upgraded, to: Forwarding): void {
  const upgrade = request.headers.upgrade ?? '';
  const sent = open(request, to, ['connection', 'Upgrade', 'upgrade', upgrade]);
  sent.once('upgrade', (answer, other, otherHead) => {
    const lines = [`HTTP/1.1 101 ${answer.statusMessage ?? ''}`, ...pairs(answer.rawHeaders)];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    if (otherHead.length > 0) socket.write(otherHead);
    if (head.length > 0) other.write(head);
    to.peers.watchUpgraded(to.http, other);
    join(socket, other);
  });
  sent.once('response', () => {
    refuseUpgrade(socket, 502);
    sent.destroy();
  });
  sent.once('error', (error: NodeJS.ErrnoException) =>
    refuseUpgrade(socket, UNSENT.has(error.code ?? '') ? 503 : 502),
  );
  sent.end();
}

/** What comes with an upgrade. */
export interface Upgraded {
  readonly socket: Duplex;
  readonly head: Buffer;
}

function join(one: Duplex, other: Duplex): void {
  one.pipe(other);
  other.pipe(one);
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.once('error', () => to.destroy());
    from.once('close', () => to.destroy());
  }
}

function open(
  request: IncomingMessage,
  { http, epoch, token, agent, peers }: Forwarding,
  connection: readonly string[],
): ReturnType<typeof send> {
  const { method, url = '/', rawHeaders } = request;
  const headers = [
    ...endToEnd(rawHeaders).filter((_, at, all) => all[at - (at % 2)]?.toLowerCase() !== 'upgrade'),
    ...connection,
    FORWARDED,
    String(epoch),
    AUTHORIZATION,
    `Bearer ${token}`,
  ];
  const { hostname, port } = new URL(http);
  const sent = send({
    hostname,
    port,
    method,
    path: url,
    headers,
    agent,
    setHost: false,
    timeout: SILENCE_MS,
  }).once('timeout', function (this: ReturnType<typeof send>) {
    this.destroy(new Error('nothing was heard for too long'));
  });
  peers.watch(http, sent);
  return sent;
}

function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, at) => !OF_THE_CONNECTION.has(rawHeaders[at - (at % 2)]?.toLowerCase() ?? ''));
}

function pairs(rawHeaders: readonly string[]): string[] {
  return rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1] ?? ''}`] : []));
}
