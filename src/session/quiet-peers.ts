/**
 * Notices that the machine of another instance has died without a word: what was sent on a kept connection is never
 * answered then, and nothing else would tell for minutes. While an instance that owes answers, or has a connection that was
 * upgraded, is quiet, it is asked for a connection. The kernel gives one for an instance that is only slow, or stands
 * still; so that one is waited for.
 */
import type { ClientRequest } from 'node:http';
import { connect, type Socket } from 'node:net';

/** Nothing has come for so long. */
const QUIET_MS = 2000;
/** A connection is there within so long, or it is not. */
const CONNECT_MS = 1000;
/** Attempts in a row. */
const ATTEMPTS = 2;
/** Nobody says anything there. Whoever refuses a connection is there, and may be ending. */
const NOBODY_THERE = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN']);

/** What would wait for ever: a request, or a connection that was upgraded. */
interface Watched {
  readonly socket: Socket;
  /** When it was last looked at. */
  bytesRead: number;
  readonly end: (error: Error) => void;
}

interface Peer {
  readonly watched: Set<Watched>;
  readonly timer: NodeJS.Timeout;
  failures: number;
  isAsked: boolean;
}

export class QuietPeers {
  readonly #peers = new Map<string, Peer>();

  /** Ends the request with an error when the machine of `http`, an address `http://HOST:PORT`, is found dead. */
  watch(http: string, sent: ClientRequest): void {
    sent.once('socket', (socket) => {
      if (!sent.destroyed) this.#add(http, socket, sent);
    });
  }

  /** The same for what the request has become once it was upgraded. */
  watchUpgraded(http: string, socket: Socket): void {
    if (!socket.destroyed) this.#add(http, socket, socket);
  }

  #add(http: string, socket: Socket, ending: ClientRequest | Socket): void {
    const peer = this.#peer(http);
    const watched = {
      socket,
      bytesRead: socket.bytesRead,
      end: (error: Error) => void ending.destroy(error),
    };
    peer.watched.add(watched);
    ending.once('close', () => {
      peer.watched.delete(watched);
      if (peer.watched.size === 0) this.#forget(http, peer);
    });
  }

  close(): void {
    for (const [http, peer] of this.#peers) this.#forget(http, peer);
  }

  #peer(http: string): Peer {
    const known = this.#peers.get(http);
    if (known !== undefined) return known;
    const timer = setInterval(() => void this.#look(http), QUIET_MS);
    timer.unref();
    const peer: Peer = { watched: new Set(), timer, failures: 0, isAsked: false };
    this.#peers.set(http, peer);
    return peer;
  }

  #forget(http: string, peer: Peer): void {
    clearInterval(peer.timer);
    if (this.#peers.get(http) === peer) this.#peers.delete(http);
  }

  async #look(http: string): Promise<void> {
    const peer = this.#peers.get(http);
    if (peer === undefined || peer.isAsked) return;
    if (hasSpoken(peer)) {
      peer.failures = 0;
      return;
    }
    peer.isAsked = true;
    peer.failures = (await isSomebodyThere(http)) ? 0 : peer.failures + 1;
    peer.isAsked = false;
    if (peer.failures < ATTEMPTS) return;
    for (const { end } of peer.watched) end(new Error('its machine does not answer'));
  }
}

function hasSpoken({ watched }: Peer): boolean {
  let isHeard = false;
  for (const one of watched) {
    const { bytesRead } = one.socket;
    if (bytesRead === one.bytesRead) continue;
    isHeard = true;
    one.bytesRead = bytesRead;
  }
  return isHeard;
}

function isSomebodyThere(http: string): Promise<boolean> {
  const { hostname, port } = new URL(http);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: CONNECT_MS });
    const over = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => over(true));
    socket.once('timeout', () => over(false));
    socket.once('error', ({ code = '' }: NodeJS.ErrnoException) => over(!NOBODY_THERE.has(code)));
  });
}
