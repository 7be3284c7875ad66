/** Another instance as a test needs it: keeps what is sent to it, and answers when it is told to. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import type { Member } from '../../../src/session/told-table.ts';

const WAIT_MS = 15_000;

type Line = Readonly<Record<string, unknown>>;

/** By key. */
type Kept = Map<string, readonly number[]>;

interface Received {
  readonly path: string;
  readonly text: string;
}

export class FakeInstance implements AsyncDisposable {
  readonly member: Member;
  readonly imported: Kept = new Map();
  /** What users have asked, as it was answered. */
  readonly requested: string[] = [];
  readonly #server: Server;
  readonly #received: Received[] = [];
  readonly #bySlot = new Map<number, Kept>();
  #epoch = 0;
  #held: (() => void)[] | undefined;

  private constructor(server: Server, token: string) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    this.member = { id: 'other-1', incarnation: 'the other instance', url, http: url };
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#serve(request, response, token);
    });
  }

  static async start(token: string): Promise<FakeInstance> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FakeInstance(server, token);
  }

  /** What was copied of a slot. */
  kept(slot: number): Kept {
    const kept = this.#bySlot.get(slot) ?? new Map<string, readonly number[]>();
    this.#bySlot.set(slot, kept);
    return kept;
  }

  /** Copies are taken, but not answered. */
  holdAnswers(): void {
    this.#held ??= [];
  }

  giveAnswers(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) answer();
  }

  async received(isWanted: (received: Received) => boolean): Promise<void> {
    await this.#until(() => this.#received.some(isWanted));
  }

  async copied(isWanted: (kept: { readonly sessions: Kept }) => boolean): Promise<void> {
    await this.#until(() => [...this.#bySlot.values()].some((sessions) => isWanted({ sessions })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #until(isTrue: () => boolean): Promise<void> {
    const until = Date.now() + WAIT_MS;
    while (!isTrue()) {
      if (Date.now() > until) throw new Error('it was not sent');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse, token: string): Promise<void> {
    const text = await readText(request);
    const { url = '' } = request;
    if (request.headers['x-user'] !== undefined) {
      const described = describe(request, token);
      this.requested.push(described);
      response.end(described);
      return;
    }
    this.#received.push({ path: url, text });
    const lines = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
    this.#take(url, lines);
    const answer = (): void => void response.end(JSON.stringify(this.#answer(url, lines)));
    if (this.#held === undefined || url !== '/copy') answer();
    else this.#held.push(answer);
  }

  #take(path: string, lines: readonly Line[]): void {
    if (path === '/table') this.#epoch = Number(lines[0]?.['epoch']);
    if (path === '/copy') this.#keep(lines.slice(1));
    if (path !== '/import') return;
    for (const line of lines) {
      if (typeof line['key'] === 'string') this.imported.set(line['key'], valueOf(line));
    }
  }

  #keep(lines: readonly Line[]): void {
    for (const line of lines) {
      if (typeof line['key'] !== 'string') continue;
      const kept = this.kept(Number(line['slot']));
      if (line['deleted'] === true) kept.delete(line['key']);
      else kept.set(line['key'], valueOf(line));
    }
  }

  /** Knows the same table as whoever asks. */
  #answer(path: string, [head]: readonly Line[]): object {
    if (path === '/import') return { sessions: this.imported.size };
    if (path === '/table') return { epoch: this.#epoch };
    return { epoch: head?.['epoch'], refused: {} };
  }
}

function valueOf(line: Line): readonly number[] {
  return line['value'] as readonly number[];
}

/** Answers a user's request with what came of it. */
function describe({ method, url, headers }: IncomingMessage, token: string): string {
  const isGenuine = headers['authorization-holdfast'] === `Bearer ${token}`;
  const under = isGenuine ? String(headers['holdfast-forwarded']) : 'nothing';
  return `${method} ${url} of ${String(headers['x-user'])}, under ${under}`;
}
