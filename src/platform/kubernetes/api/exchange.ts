/**
 * One HTTP exchange with the API server, bounded by a timeout and an AbortSignal. Whatever ends it early
 * (the signal, the timeout, the network) is the error of every wait on it, and its socket is gone then.
 */
import http from 'node:http';
import https from 'node:https';
import { defined } from '../../../app/defined.ts';
import type { Credentials, KubeConnection } from './connection.ts';
import { KubeUnreachable } from './kube-error.ts';

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal | undefined;
  /** Until the whole answer is there; for a stream until its headers are there. Default REQUEST_TIMEOUT. */
  readonly timeoutMs?: number;
}

export interface ExchangeRequest extends RequestOptions {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
}

/** How long a request may take unless it says otherwise; ms. The API server's own bound is 60 s. */
export const REQUEST_TIMEOUT = 30_000;

/** A peer that is silent this long (ms) is asked by TCP whether it is there; gone 10 s later if not. */
const PROBE_AFTER = 10_000;
/** An unused connection is closed after this (ms), long before the API server's 90 s would cut it in use. */
const IDLE_TIMEOUT = 30_000;

export function connectionPool(server: string): http.Agent {
  const options = { keepAlive: true, keepAliveMsecs: PROBE_AFTER, timeout: IDLE_TIMEOUT };
  return server.startsWith('https:') ? new https.Agent(options) : new http.Agent(options);
}

export class Exchange {
  /** The answer's status and headers; its body has still to be read. */
  readonly response: Promise<http.IncomingMessage>;
  readonly #server: string;
  readonly #request: http.ClientRequest;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort = (): void => this.#stop(this.#signal?.reason);
  #stopped: { readonly reason: unknown } | undefined;

  constructor(
    connection: KubeConnection,
    agent: http.Agent,
    credentials: Credentials,
    request: ExchangeRequest,
  ) {
    this.#server = connection.server;
    this.#signal = request.signal;
    const timeout = request.timeoutMs ?? REQUEST_TIMEOUT;
    this.#request = open(connection, agent, credentials, request);
    this.#request.once('socket', (socket) => socket.setKeepAlive(true, PROBE_AFTER));
    this.response = new Promise((resolve, reject) => {
      this.#request.once('response', resolve);
      this.#request.on('error', (error) => reject(this.explain(error)));
    });
    this.response.catch(() => undefined); // whoever awaits it hears of it; a closed exchange has nobody
    this.#timer = setTimeout(() => {
      const seconds = String(timeout / 1000);
      this.#stop(new KubeUnreachable(`${this.#server} did not answer ${request.path} within ${seconds} s`));
    }, timeout);
    if (request.signal?.aborted === true) this.#onAbort();
    else request.signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#request.end(request.body);
  }

  /** From now on only the signal ends it. */
  disarm(): void {
    clearTimeout(this.#timer);
  }

  async readAll(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.chunks()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async *chunks(): AsyncGenerator<Buffer, void> {
    const response = await this.response;
    try {
      for await (const chunk of response) yield chunk as Buffer;
    } catch (error) {
      throw this.explain(error);
    }
    if (this.#stopped !== undefined) throw this.#stopped.reason;
  }

  /** Frees what it holds. A connection whose answer was read to its end goes back to the pool. */
  close(): void {
    this.disarm();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#request.destroy();
  }

  /** Why it really ended: a stopped request's own error says only that its socket is gone. */
  explain(error: unknown): unknown {
    if (this.#stopped !== undefined) return this.#stopped.reason;
    return error instanceof KubeUnreachable ? error : unreachable(this.#server, error);
  }

  #stop(reason: unknown): void {
    this.#stopped ??= { reason };
    this.#request.destroy(new Error('stopped'));
  }
}

function open(
  connection: KubeConnection,
  agent: http.Agent,
  credentials: Credentials,
  { method, path, headers, body }: ExchangeRequest,
): http.ClientRequest {
  const base = new URL(connection.server);
  const { token, certificate, key } = credentials;
  const options: https.RequestOptions = {
    agent,
    method,
    protocol: base.protocol,
    host: base.hostname.replace(/^\[|\]$/g, ''),
    path: `${base.pathname.replace(/\/$/, '')}${path}`,
    headers: { accept: 'application/json', ...headers, ...authorization(token), ...contentLength(body) },
    ...(base.port === '' ? {} : { port: base.port }),
    ...defined({ ca: connection.authority, servername: connection.serverName, cert: certificate, key }),
    rejectUnauthorized: connection.insecure !== true,
  };
  return base.protocol === 'https:' ? https.request(options) : http.request(options);
}

function authorization(token: string | undefined): http.OutgoingHttpHeaders {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function contentLength(body: string | Buffer | undefined): http.OutgoingHttpHeaders {
  return body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
}

/** Node gives an error without a message when several addresses of a host refused. */
function unreachable(server: string, cause: unknown): KubeUnreachable {
  const { message, code } = cause as NodeJS.ErrnoException;
  const why = message === '' ? String(code) : message;
  return new KubeUnreachable(`Cannot reach the Kubernetes API server at ${server}: ${why}`, { cause });
}
