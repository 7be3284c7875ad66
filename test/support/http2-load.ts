/** Clients of HTTP/2 who ask one thing after the other, and connect again only when they are asked to leave. */
import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';

export class Http2Client {
  readonly #origin: string;
  #session: ClientHttp2Session | undefined;
  /** Connections made. */
  connections = 0;

  /** @param origin `https://127.0.0.1:8443`, or `http:` for HTTP/2 in the clear */
  constructor(origin: string) {
    this.#origin = origin;
  }

  /** It keeps a connection over which it may ask. */
  get isConnected(): boolean {
    return this.#session !== undefined && !this.#session.closed && !this.#session.destroyed;
  }

  /** @returns status and body @throws when the request fails */
  async ask(headers: OutgoingHttpHeaders): Promise<{ status: number; body: string }> {
    const session = this.#connected();
    const stream = session.request({ ':path': '/', ...headers });
    const status = once(stream, 'response').then(([head]) =>
      Number((head as Record<string, unknown>)[constants.HTTP2_HEADER_STATUS]),
    );
    let body = '';
    stream.setEncoding('utf8').on('data', (text: string) => (body += text));
    const [found] = await Promise.all([status, once(stream, 'end')]);
    return { status: found, body };
  }

  [Symbol.dispose](): void {
    this.#session?.destroy();
  }

  #connected(): ClientHttp2Session {
    if (this.#session !== undefined && this.isConnected) return this.#session;
    this.connections += 1;
    const session = connect(this.#origin, { rejectUnauthorized: false });
    // What fails is told by the requests.
    session.on('error', () => undefined);
    this.#session = session;
    return session;
  }
}

export class Http2Load {
  readonly failures: string[] = [];
  answered = 0;
  readonly clients: readonly Http2Client[];
  readonly #done: Promise<unknown>;
  #ends = false;

  constructor(origin: string, users: readonly string[], path = '/') {
    const clients = users.map((user) => ({ user, client: new Http2Client(origin) }));
    this.clients = clients.map(({ client }) => client);
    this.#done = Promise.all(
      clients.map(({ user, client }) => this.#goOn(client, { ':path': path, 'x-user': user })),
    );
  }

  async end(): Promise<void> {
    this.#ends = true;
    await this.#done;
  }

  async #goOn(client: Http2Client, headers: OutgoingHttpHeaders): Promise<void> {
    while (!this.#ends) {
      const answer = await client.ask(headers).catch(String);
      this.answered += 1;
      if (typeof answer === 'string') this.failures.push(answer);
      else if (answer.status !== 200) this.failures.push(`${answer.status} ${answer.body}`);
    }
    client[Symbol.dispose]();
  }
}
