/**
 * Keeps a connection open to each of some processes, and says when one has ended: a process that dies takes its
 * connections with it, which is known at once and costs nothing before. What it means is for others to find out.
 */
import { connect, type Socket } from 'node:net';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export class ConnectionWatch {
  readonly #sockets = new Map<string, Socket>();
  readonly #ended: () => void;

  /** @param ended is called when a connection that was made has ended */
  constructor(ended: () => void) {
    this.#ended = ended;
  }

  /** From now on these, by a name for each life of a process; connections that ended are made again. */
  follow(places: ReadonlyMap<string, Place>): void {
    for (const [name, socket] of this.#sockets) {
      if (places.has(name)) continue;
      this.#sockets.delete(name);
      socket.destroy();
    }
    for (const [name, place] of places) if (!this.#sockets.has(name)) this.#open(name, place);
  }

  #open(name: string, { host, port }: Place): void {
    const socket = connect({ host, port, keepAlive: true });
    let wasMade = false;
    this.#sockets.set(name, socket);
    socket.once('connect', () => (wasMade = true));
    // Nobody may listen there yet; that it ended is told by the next event.
    socket.on('error', () => undefined);
    // Whoever ends says so before it closes, and what it may still say does not matter.
    socket.once('end', () => socket.destroy()).resume();
    socket.once('close', () => {
      if (this.#sockets.get(name) !== socket) return;
      this.#sockets.delete(name);
      if (wasMade) this.#ended();
    });
  }
}
