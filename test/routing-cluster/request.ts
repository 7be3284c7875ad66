/** Requests to a router, at its own address or at the Service's. */
import { Agent, request as httpRequest, type OutgoingHttpHeaders } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface Ask {
  readonly host: string;
  readonly port?: number;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly agent?: Agent;
}

export function request({ host, port = 8080, path = '/', headers = {}, agent }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    httpRequest({ host, port, path, headers, agent: agent ?? false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });
}

export interface LoadAsk extends Omit<Ask, 'agent' | 'headers'> {
  /** Each request has a connection of its own. */
  readonly reconnects?: boolean;
}

/** Clients who ask one thing after the other, usually over kept connections, until they are ended. */
export class KeepAliveLoad {
  readonly failures: string[] = [];
  /** Who has answered each client, in order, repetitions left out. */
  readonly served = new Map<string, string[]>();
  answered = 0;
  readonly #ask: LoadAsk;
  readonly #clients: Promise<void>[];
  #ends = false;

  constructor(ask: LoadAsk, users: readonly string[]) {
    this.#ask = ask;
    this.#clients = users.map((user) => this.#goOn(user));
  }

  async end(): Promise<void> {
    this.#ends = true;
    await Promise.all(this.#clients);
  }

  async #goOn(user: string): Promise<void> {
    const agent = new Agent({ keepAlive: this.#ask.reconnects !== true, maxSockets: 1 });
    while (!this.#ends) {
      const answer = await request({ ...this.#ask, agent, headers: { 'x-user': user } }).catch(String);
      this.answered += 1;
      if (typeof answer === 'string') this.failures.push(answer);
      else if (answer.status !== 200) this.failures.push(`${answer.status} ${answer.body}`);
      else this.#note(user, answer.body);
    }
    agent.destroy();
  }

  #note(user: string, instance: string): void {
    const instances = this.served.get(user) ?? [];
    if (instances.at(-1) !== instance) instances.push(instance);
    this.served.set(user, instances);
  }
}
