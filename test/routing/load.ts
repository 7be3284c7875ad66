/** Clients of a router under test: single requests, and a load that goes on until it is ended. */
import { Agent, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { HOST } from '../support/haproxy.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Header values are sent as UTF-8 bytes, which Node takes as one character a byte. */
export const asHeader = (key: string): string => Buffer.from(key, 'utf8').toString('latin1');

export interface Ask {
  /** By default this machine. */
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly agent?: Agent;
}

export function ask(
  port: number,
  { host = HOST, path = '/', method = 'GET', headers = {}, agent }: Ask,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host, port, path, method, headers, agent: agent ?? false };
    const outgoing = httpRequest(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
      response.on('error', reject);
    });
    outgoing.on('error', reject).end();
  });
}

export const askAs = (port: number, user: string, more: Ask = {}): Promise<Answer> =>
  ask(port, { ...more, headers: { 'x-user': asHeader(user), ...more.headers } });

/** Users who ask one thing after the other, each for themselves, over kept connections or a new one each time. */
export class Load {
  /** Everything but a 200 answer. */
  readonly failures: string[] = [];
  /** Instances that have answered each user, in order, repetitions left out. */
  readonly served = new Map<string, string[]>();
  answered = 0;
  readonly #agent: Agent;
  readonly #users: Promise<void>[];
  #ends = false;

  constructor(port: number, users: readonly string[], keepAlive = true) {
    this.#agent = new Agent({ keepAlive });
    this.#users = users.map((user) => this.#goOn(port, user));
  }

  async end(): Promise<void> {
    this.#ends = true;
    await Promise.all(this.#users);
    this.#agent.destroy();
  }

  async #goOn(port: number, user: string): Promise<void> {
    while (!this.#ends) {
      const answer = await askAs(port, user, { agent: this.#agent }).catch(String);
      if (typeof answer === 'string') this.failures.push(answer);
      else if (answer.status !== 200) this.failures.push(`${answer.status} ${answer.body}`);
      else this.#note(user, answer.body);
    }
  }

  #note(user: string, instance: string): void {
    this.answered += 1;
    const instances = this.served.get(user) ?? [];
    if (instances.at(-1) !== instance) instances.push(instance);
    this.served.set(user, instances);
  }
}
