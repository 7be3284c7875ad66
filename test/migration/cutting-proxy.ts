/** A TCP proxy before a server that cuts connections: at any moment, or when a client says a certain query. */

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface CuttingProxy extends AsyncDisposable {
  /** The given URL with the proxy's port. */
  through(url: string): string;
  /** Cuts every connection now. */
  cut(): void;
  /** Cuts at the `count`-th time that a client says `sql`, before the server hears it or before its answer passes. */
  cutAt(sql: string, count: number, moment: 'before' | 'after'): void;
}

interface Trap {
  readonly packet: Buffer;
  readonly moment: 'before' | 'after';
  left: number;
}

/** Listens on a free port of this machine's loopback for a server on `port`. */
export async function startCuttingProxy(port: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let trap: Trap | undefined;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    let deaf = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // Cutting is what it is for.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.on('data', (data) => {
      if (deaf) cut();
      else client.write(data);
    });
    client.on('data', (data) => {
      if (trap?.packet.equals(data) === true && (trap.left -= 1) === 0) {
        if (trap.moment === 'before') return cut();
        deaf = true;
      }
      upstream.write(data);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = (server.address() as AddressInfo).port;
  return {
    through: (url) => url.replace(`:${port}/`, `:${own}/`),
    cut,
    cutAt: (sql, count, moment) => {
      trap = { packet: queryPacket(sql), moment, left: count };
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}

/** COM_QUERY with its header of three bytes of length and the number 0. */
function queryPacket(sql: string): Buffer {
  const body = Buffer.from(`\u0003${sql}`);
  return Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body]);
}
