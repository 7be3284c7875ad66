/** Speaks to other instances. Whatever goes wrong on the way is no answer; the decisions live with that. */
import { Agent, request, type IncomingMessage } from 'node:http';
import type { Copy, CopyAnswer, Import } from './carried.ts';
import { parse, readText } from './body.ts';
import { copyLines, importLines } from './wire.ts';

/**
 * A second owner that is only slow has to get its answer through within one attempt: if each one ended sooner than that, no
 * write would ever be acknowledged. Two attempts fit into the time that a write waits.
 */
const COPY_TIMEOUT_MS = 2400;
const TABLE_TIMEOUT_MS = 2000;
const IMPORT_TIMEOUT_MS = 30_000;

/** An instance that is spoken to. */
export interface PeerAddress {
  readonly incarnation: string;
  readonly url: string;
}

interface Message {
  readonly url: string;
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly body?: string;
  readonly timeoutMs: number;
}

export class PeerClient {
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });

  constructor(token: string) {
    this.#token = token;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Undefined: no answer, or a newer copy was there before. */
  async copy(peer: PeerAddress, copy: Copy): Promise<CopyAnswer | undefined> {
    const body = copyLines(copy, peer.incarnation);
    return readCopyAnswer(
      await this.#send({ url: peer.url, method: 'POST', path: '/copy', body, timeoutMs: COPY_TIMEOUT_MS }),
    );
  }

  /** Whether it is known that the other keeps everything. */
  async import(peer: PeerAddress, sessions: Import): Promise<boolean> {
    const body = importLines(sessions, peer.incarnation);
    const message = { method: 'POST', path: '/import', body, timeoutMs: IMPORT_TIMEOUT_MS } as const;
    return (await this.#send({ url: peer.url, ...message })) !== undefined;
  }

  /** Whether it is known that the other has taken the table. */
  async tellTable(url: string, body: string): Promise<boolean> {
    const message = { method: 'PUT', path: '/table', body, timeoutMs: TABLE_TIMEOUT_MS } as const;
    return (await this.#send({ url, ...message })) !== undefined;
  }

  /** The text of the other's table. */
  askTable(url: string): Promise<string | undefined> {
    return this.#send({ url, method: 'GET', path: '/table', timeoutMs: TABLE_TIMEOUT_MS });
  }

  /** The body of a 200, or undefined. */
  #send({ url, method, path, body, timeoutMs }: Message): Promise<string | undefined> {
    return new Promise((resolve) => {
      const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/x-ndjson' };
      const signal = AbortSignal.timeout(timeoutMs);
      const sent = request(`${url}${path}`, { method, headers, agent: this.#agent, signal });
      sent.once('error', () => resolve(undefined));
      sent.once('response', (response) => {
        readAnswer(response).then(resolve, () => resolve(undefined));
      });
      sent.end(body);
    });
  }
}

async function readAnswer(response: IncomingMessage): Promise<string | undefined> {
  const text = await readText(response);
  return response.statusCode === 200 ? text : undefined;
}

function readCopyAnswer(text: string | undefined): CopyAnswer | undefined {
  if (text === undefined) return undefined;
  const answer = parse(text) as { readonly epoch?: unknown; readonly refused?: unknown } | null;
  if (typeof answer?.epoch !== 'number') return undefined;
  const refused = Object.entries(answer.refused ?? {}).map(
    ([slot, term]) => [Number(slot), Number(term)] as const,
  );
  return { epoch: answer.epoch, refused: new Map(refused) };
}
