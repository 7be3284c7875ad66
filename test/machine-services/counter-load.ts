/** Users of the counting service, each asking one thing after the other, and all that happened to them. */
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { askAs } from '../routing/load.ts';

export interface Call {
  readonly user: string;
  /** ms since the epoch. */
  readonly began: number;
  /** 0 when the connection broke. */
  readonly status: number;
  readonly text: string;
  readonly retryAfter?: string;
  /** Who answered, and the number of the user's calls that it knows of; for status 200. */
  readonly instance?: string;
  readonly calls?: number;
}

export interface CounterLoadOptions {
  readonly port: number;
  readonly users: readonly string[];
  readonly path?: string;
  /** Pause of a user between two requests; ms. */
  readonly think?: number;
}

export class CounterLoad {
  /** In the order of the answers. */
  readonly history: Call[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  readonly #users: Promise<unknown>;
  readonly #port: number;
  readonly #path: string;
  #ends = false;

  constructor({ port, users, path = '/', think = 5 }: CounterLoadOptions) {
    this.#port = port;
    this.#path = path;
    this.#users = Promise.all(users.map((user) => this.#goOn(user, think)));
  }

  async end(): Promise<void> {
    this.#ends = true;
    await this.#users;
    this.#agent.destroy();
  }

  /** The calls of one user. */
  of(user: string): Call[] {
    return this.history.filter((call) => call.user === user);
  }

  /** Calls that were not answered with 200. */
  get failed(): Call[] {
    return this.history.filter(({ status }) => status !== 200);
  }

  async #goOn(user: string, think: number): Promise<void> {
    while (!this.#ends) {
      this.history.push(await this.#call(user));
      await delay(think);
    }
  }

  async #call(user: string): Promise<Call> {
    const began = Date.now();
    try {
      const { status, headers, body } = await askAs(this.#port, user, {
        agent: this.#agent,
        path: this.#path,
      });
      const retryAfter = headers['retry-after'];
      const about = { user, began, status, text: body, ...(retryAfter === undefined ? {} : { retryAfter }) };
      return status === 200 ? { ...about, ...(JSON.parse(body) as Pick<Call, 'instance' | 'calls'>) } : about;
    } catch (error) {
      return { user, began, status: 0, text: String(error) };
    }
  }
}

/**
 * Answers that do not go on where the user's answer before left off: another instance, or another number. A call whose
 * connection broke may have been counted or not.
 */
export function breaks(calls: readonly Call[]): Call[] {
  const found: Call[] = [];
  let before: Call | undefined;
  let broken = 0;
  for (const call of calls) {
    if (call.status === 0) broken += 1;
    if (call.status !== 200) continue;
    if (before !== undefined && !goesOn(before, call, broken)) found.push(call);
    before = call;
    broken = 0;
  }
  return found;
}

function goesOn(before: Call, { instance, calls = 0 }: Call, broken: number): boolean {
  const missed = calls - (before.calls ?? 0) - 1;
  return instance === before.instance && missed >= 0 && missed <= broken;
}
