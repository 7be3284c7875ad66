/** The address of a Service: connections go to one of the routers it knows, as kube-proxy would send them. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { HOST } from '../support/haproxy.ts';

export class ServiceAddress {
  /** Addresses of the routers that new connections go to, in turns. */
  routers: readonly string[];
  port = 0;
  #turn = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#forward(client));

  readonly #target: number;

  /** @param target the port of the routers */
  constructor(routers: readonly string[], target = 8080) {
    this.routers = routers;
    this.#target = target;
  }

  async start(): Promise<this> {
    this.#server.listen(0, HOST);
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #forward(client: Socket): void {
    const host = this.routers[(this.#turn += 1) % this.routers.length];
    if (host === undefined) return void client.destroy();
    const router = connect({ host, port: this.#target });
    for (const [from, to] of [
      [client, router],
      [router, client],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay().pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => this.#sockets.delete(from));
    }
  }
}
