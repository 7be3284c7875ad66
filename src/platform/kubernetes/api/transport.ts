/**
 * Requests to the API server, with the repetitions that are always right: a refused token is replaced once
 * (401); a read whose connection broke is done once more; a server that asks for patience (Retry-After) gets
 * it, a bounded number of times, as client-go does.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { KubeConnection } from './connection.ts';
import { connectionPool, Exchange, type ExchangeRequest } from './exchange.ts';
import { KubeUnreachable, refusal } from './kube-error.ts';
import { pause } from './pause.ts';

export interface RawResponse {
  /** HTTP status. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface StreamOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called when the server has agreed and before it sends anything. */
  readonly onOpen?: (() => void) | undefined;
}

/** How often in all a request is sent that the server puts off. */
const MOST_ATTEMPTS = 5;
/** The longest time that the server can ask for, in ms. */
const LONGEST_PATIENCE = 10_000;

export class Transport {
  readonly #connection: KubeConnection;
  readonly #userAgent: string;
  readonly #agent: ReturnType<typeof connectionPool>;

  constructor(connection: KubeConnection, userAgent: string) {
    this.#connection = connection;
    this.#userAgent = userAgent;
    this.#agent = connectionPool(connection.server);
  }

  /** One request and its whole answer, whatever its status. @throws KubeUnreachable, or the signal's reason */
  async send(request: ExchangeRequest): Promise<RawResponse> {
    const exchange = await this.#open(request);
    try {
      const response = await exchange.response;
      const body = await exchange.readAll();
      return { status: response.statusCode ?? 0, headers: response.headers, body };
    } finally {
      exchange.close();
    }
  }

  /** As send, but done again where that is harmless and promises to help. */
  async sendPatiently(request: ExchangeRequest): Promise<RawResponse> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.#sendTwiceIfReading(request);
      const patience = retryAfter(response);
      if (patience === undefined || attempt === MOST_ATTEMPTS) return response;
      await pause(patience, request.signal);
    }
  }

  /** The body as it comes. It ends when the server ends it. @throws KubeApiError when the status is not 2xx */
  async *stream(path: string, { signal, onOpen }: StreamOptions = {}): AsyncGenerator<Buffer, void> {
    const exchange = await this.#open({ method: 'GET', path, signal });
    try {
      const status = (await exchange.response).statusCode ?? 0;
      if (status >= 300) throw refusal(`read ${path}`, status, await exchange.readAll());
      exchange.disarm();
      onOpen?.();
      yield* exchange.chunks();
    } finally {
      exchange.close();
    }
  }

  /** Closes unused connections; those in use end with their requests. */
  close(): void {
    this.#agent.destroy();
  }

  async #sendTwiceIfReading(request: ExchangeRequest): Promise<RawResponse> {
    try {
      return await this.send(request);
    } catch (error) {
      if (request.method !== 'GET' || !wasCut(error)) throw error;
      return this.send(request);
    }
  }

  /** An exchange whose status is known and is not a refusal of kept credentials. */
  async #open(request: ExchangeRequest): Promise<Exchange> {
    const first = await this.#start(request, false);
    if ((await first.response).statusCode !== 401) return first;
    first.close();
    return this.#start(request, true);
  }

  async #start(request: ExchangeRequest, fresh: boolean): Promise<Exchange> {
    const credentials = await this.#connection.credentials(fresh);
    const headers = { 'user-agent': this.#userAgent, ...request.headers };
    const exchange = new Exchange(this.#connection, this.#agent, credentials, { ...request, headers });
    try {
      await exchange.response;
      return exchange;
    } catch (error) {
      exchange.close();
      throw error;
    }
  }
}

function wasCut(error: unknown): boolean {
  if (!(error instanceof KubeUnreachable)) return false;
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNRESET' || code === 'EPIPE';
}

/** How long the server asks us to wait before we ask again, in ms; undefined when it does not. */
function retryAfter({ status, headers }: RawResponse): number | undefined {
  const asked = Number(headers['retry-after'] ?? Number.NaN);
  if ((status !== 429 && status < 500) || !(asked >= 0)) return undefined;
  return Math.min(asked * 1000, LONGEST_PATIENCE);
}
