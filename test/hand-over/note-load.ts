/**
 * Users of the notes service behind a router: each adds number after number to a list of its own, and checks with every
 * answer that nothing is missing that was acknowledged before.
 */
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { WAIT_MS } from '../../src/session/timing.ts';
import { askAs } from '../routing/load.ts';

/** Who was refused comes again after so long; ms. */
const RETRY_MS = 200;

export interface NoteUser {
  readonly name: string;
  readonly acknowledged: number[];
}

export interface Failure {
  readonly user: string;
  /** When the request was sent, and when it had failed; ms since the epoch. */
  readonly began: number;
  readonly at: number;
  /** 0 when the connection broke. */
  readonly status: number;
  readonly text: string;
}

/** Timers and clocks are so far apart at most; ms. */
const CLOCKS_MS = 100;

/**
 * Whether a request met slots that nobody could move on, as there was no controller until then (ms since the epoch), and
 * was refused after as long as anybody is let wait.
 */
export function hasWaitedInVain({ status, began, at }: Failure, until: number): boolean {
  return status === 503 && began < until && at - began > WAIT_MS - CLOCKS_MS;
}

/** An answer that was given, and when it came; ms since the epoch. */
export interface Answered {
  readonly user: string;
  readonly began: number;
  readonly ended: number;
}

export interface NoteLoadOptions {
  /** By default this machine. */
  readonly host?: string;
  readonly port: number;
  readonly users: number;
  /** Pause of a user between two requests; ms. */
  readonly think: number;
}

export class NoteLoad {
  readonly users: readonly NoteUser[];
  readonly failures: Failure[] = [];
  readonly answered: Answered[] = [];
  /** Acknowledged numbers that an answer to the same user later lacked. */
  readonly lost: string[] = [];
  #options: NoteLoadOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #ended: Promise<unknown>;
  /** By user: when the last request began that was answered. */
  readonly #servedAt = new Map<string, number>();
  #isOver = false;

  constructor(options: NoteLoadOptions) {
    this.#options = options;
    this.users = Array.from({ length: options.users }, (_, n) => ({ name: `user-${n}`, acknowledged: [] }));
    this.#ended = Promise.all(this.users.map((user) => this.#goOn(user)));
  }

  get acknowledged(): number {
    return this.users.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#ended;
    this.#agent.destroy();
  }

  /** Everybody asks there from the next request on. */
  goTo(host: string, port: number): void {
    this.#options = { ...this.#options, host, port };
  }

  /** Asks every user's list once more. */
  async checkAll(): Promise<void> {
    for (const user of this.users) {
      const began = Date.now();
      const { status, body } = await this.#ask(user.name, 'GET', '/list');
      if (status === 200) this.#check(user, body);
      else this.failures.push({ user: user.name, began, at: Date.now(), status, text: body });
    }
  }

  /** Whether everybody has had an answer to a request that began after this. */
  isEverybodyServedSince(since: number): boolean {
    return this.users.every(({ name }) => (this.#servedAt.get(name) ?? 0) > since);
  }

  /** The longest time in ms from `since` until a user, whoever asked then, was answered. */
  slowestSince(since: number): number {
    const waited = new Map<string, number>();
    for (const { user, ended } of this.answered)
      if (ended >= since && !waited.has(user)) waited.set(user, ended - since);
    return Math.max(...waited.values());
  }

  /** The time in ms within which 99 of 100 were answered of the requests that began in this time. */
  p99(from: number, to: number): number {
    const sorted = this.latencies(from, to);
    return sorted[Math.floor(sorted.length * 0.99)] ?? NaN;
  }

  /** Milliseconds that requests took that began in this time, sorted. */
  latencies(from: number, to: number): number[] {
    return this.answered
      .filter(({ began }) => began >= from && began < to)
      .map(({ began, ended }) => ended - began)
      .toSorted((a, b) => a - b);
  }

  async #goOn(user: NoteUser): Promise<void> {
    const { think } = this.#options;
    await delay(Math.random() * think);
    for (let n = 0; !this.#isOver; n += 1) {
      const began = Date.now();
      const { status, body } = await this.#ask(user.name, 'POST', `/append?n=${n}`);
      if (status === 200) {
        this.#check(user, body);
        user.acknowledged.push(n);
        this.#servedAt.set(user.name, began);
        this.answered.push({ user: user.name, began, ended: Date.now() });
      } else this.failures.push({ user: user.name, began, at: Date.now(), status, text: body });
      await delay(status === 200 ? think : RETRY_MS);
    }
  }

  #check({ name, acknowledged }: NoteUser, body: string): void {
    const found = new Set(JSON.parse(body) as number[]);
    for (const n of acknowledged) if (!found.has(n)) this.lost.push(`${name}: ${n}`);
  }

  async #ask(user: string, method: string, path: string): Promise<{ status: number; body: string }> {
    try {
      const { port, host } = this.#options;
      const to = host === undefined ? {} : { host };
      return await askAs(port, user, { ...to, agent: this.#agent, method, path });
    } catch (error) {
      return { status: 0, body: String(error) };
    }
  }
}
