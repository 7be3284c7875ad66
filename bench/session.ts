/**
 * What sessions cost: the guard of a request, beside the same server without it; a write with and without a second
 * owner; and how fast sessions move. Everything runs in this one process.
 */
import { once } from 'node:events';
import { Agent, createServer, request, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSessions, type Sessions } from '../src/session/sessions.ts';
import { settingsFrom } from '../src/session/settings.ts';
import { SLOTS } from '../src/session/slot.ts';
import {
  encoded,
  nextTable,
  NO_TABLE,
  type TestSeat,
  type TestTable,
} from '../test/session/support/table.ts';
import type { Bench } from './bench.ts';
import { median, spread, type Measurement } from './measurement.ts';

const TOKEN = 'a token of this bench alone';
const TURNS = 5;
const REQUESTS = 6000;
const CONNECTIONS = 8;
const WRITES = 4000;
const SESSIONS = 100_000;
const VALUE = { name: 'Ann', cart: [1, 2, 3], note: 'x'.repeat(180) };

type Value = typeof VALUE;

export const session: Bench = {
  title: 'sessions of holdfast/session: the guard, the second owner, the hand-over',
  async run(progress) {
    progress(`${TURNS} turns of ${REQUESTS} requests`);
    const guard = await guardCost();
    progress(`${WRITES} writes, one after the other`);
    const writes = await writeCost();
    progress(`${SESSIONS} sessions of ${JSON.stringify(VALUE).length} characters`);
    return [...guard, ...writes, ...(await handOverSpeed())];
  },
};

async function guardCost(): Promise<Measurement[]> {
  const sessions = createSessions<Value>({}, settingsFrom({}));
  const plain: number[] = [];
  const guarded: number[] = [];
  for (let turn = 0; turn <= TURNS; turn += 1) {
    const one = await requestCost((_, response) => void response.end('ok'));
    const other = await requestCost(sessions.serve((_, response) => response.end('ok')));
    // The first turn warms up.
    if (turn > 0) {
      plain.push(one);
      guarded.push(other);
    }
  }
  sessions.close();
  const about = `CPU of client and server together; without the guard ${spread(plain)}`;
  return [{ name: 'session.request', value: median(guarded), unit: 'µs', peer: median(plain), about }];
}

/** µs of CPU for each request, the client's included. */
async function requestCost(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  let left = REQUESTS;
  const before = process.cpuUsage();
  const ask = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const sent = request({ port, agent, headers: { 'x-user': `user-${left % 1000}` } }).end();
      const [answer] = (await once(sent, 'response')) as [NodeJS.ReadableStream];
      await once(answer.resume(), 'end');
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, ask));
  const { user, system } = process.cpuUsage(before);
  agent.destroy();
  server.close();
  return (user + system) / REQUESTS;
}

class Pair implements Disposable {
  readonly one: Sessions<Value>;
  readonly two: Sessions<Value>;
  table: TestTable = NO_TABLE;
  #incarnations: string[] = [];

  private constructor() {
    const { key, drainMs } = settingsFrom({});
    const start = (instance: string): Sessions<Value> => {
      const participation = { port: 0, host: '127.0.0.1', token: TOKEN, instance };
      return createSessions<Value>({}, { key, drainMs, idleMs: 900_000, participation });
    };
    this.one = start('one');
    this.two = start('two');
  }

  static async start(): Promise<Pair> {
    const pair = new Pair();
    for (const each of [pair.one, pair.two]) {
      await each.ready;
      pair.#incarnations.push((await pair.ask<{ incarnation: string }>(each, 'GET', '/state')).incarnation);
    }
    return pair;
  }

  member(at: 0 | 1): {
    readonly id: string;
    readonly incarnation: string;
    readonly url: string;
    readonly http: string;
  } {
    const url = `http://127.0.0.1:${String([this.one, this.two][at]?.port)}`;
    return { id: ['one', 'two'][at] ?? '', incarnation: this.#incarnations[at] ?? '', url, http: url };
  }

  async publish(seat: TestSeat): Promise<void> {
    this.table = nextTable(this.table, [this.member(0), this.member(1)], { seat: () => seat });
    const body = JSON.stringify(encoded(this.table));
    for (const each of [this.two, this.one]) await this.ask(each, 'PUT', '/table', body);
  }

  async ask<T>(of: Sessions<Value>, method: string, path: string, body?: string): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${String(of.port)}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}` },
      signal: AbortSignal.timeout(120_000),
      ...(body === undefined ? {} : { body }),
    });
    return (await answer.json()) as T;
  }

  [Symbol.dispose](): void {
    this.one.close();
    this.two.close();
  }
}

async function writeCost(): Promise<Measurement[]> {
  using pair = await Pair.start();
  const [one, two] = [pair.member(0).incarnation, pair.member(1).incarnation];
  await pair.publish({ owner: one, second: undefined });
  const alone = await writeTimes(pair.one);
  await pair.publish({ owner: one, second: two });
  const copied = await writeTimes(pair.one);
  const figure = (name: string, share: number): Measurement => ({
    name,
    value: quantile(copied, share),
    unit: 'ms',
    peer: quantile(alone, share),
    about: 'a write until it is acknowledged; peer: without a second owner',
  });
  return [figure('session.write.p50', 0.5), figure('session.write.p99', 0.99)];
}

async function writeTimes(sessions: Sessions<Value>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < WRITES; n += 1) {
    const start = performance.now();
    await sessions.set(`user-${n % 1000}`, VALUE);
    times.push(performance.now() - start);
  }
  return times.toSorted((a, b) => a - b);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

async function handOverSpeed(): Promise<Measurement[]> {
  using pair = await Pair.start();
  const [one, two] = [pair.member(0), pair.member(1)];
  await pair.publish({ owner: one.incarnation, second: undefined });
  const empty = process.memoryUsage().heapUsed;
  for (let n = 0; n < SESSIONS; n += 1) await pair.one.set(`user-${n}`, VALUE);
  const full = process.memoryUsage().heapUsed;
  const start = performance.now();
  const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
  const to = { incarnation: two.incarnation, url: two.url };
  const body = JSON.stringify({ epoch: pair.table.epoch + 1, slots, to });
  const given = await pair.ask<{ sessions: number }>(pair.one, 'POST', '/hand-over', body);
  await pair.publish({ owner: two.incarnation, second: undefined });
  const seconds = (performance.now() - start) / 1000;
  if (given.sessions !== SESSIONS) throw new Error(`only ${given.sessions} sessions were handed over`);
  return [
    {
      name: 'session.hand-over',
      value: SESSIONS / seconds,
      unit: '/s',
      about: 'sessions, both ends in one process',
    },
    {
      name: 'session.memory',
      value: (full - empty) / SESSIONS,
      unit: 'B',
      about: 'of the heap for each session',
    },
  ];
}
