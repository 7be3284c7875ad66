/**
 * What a request costs HAProxy with Holdfast's configuration, beside the same HAProxy with the few
 * lines that a person would write. CPU time, because it varies less than throughput; in turns, because
 * the machine varies over the minutes.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HaproxyRouter } from '../src/routing/haproxy-router.ts';
import { RouterFiles } from '../src/routing/router-files.ts';
import { alike } from '../src/routing/tables/member.ts';
import { steadyTable } from '../src/routing/tables/steady.ts';
import type { Bench } from './bench.ts';
import { closedLoad } from './closed-load.ts';
import { eventually } from './condition.ts';
import { freePort } from './free-port.ts';
import { Haproxy, routerSockets, runtimeSocket } from './haproxy.ts';
import { median, spread, type Measurement } from './measurement.ts';
import {
  answeringConfig,
  BODY,
  HOST,
  holdfastConfig,
  STATEFUL,
  STATELESS,
  roundRobinConfig,
  USER_HEADER,
  type Pair,
} from './router-layout.ts';

const ROUNDS = 12;
/** Several seconds of HAProxy's time in all; a round must be long against the kernel's 10 ms steps. */
const REQUESTS = 40_000;
const CONNECTIONS = 32;
const USERS = 1_000;
/** Holdfast's share may be this much above the peer's. */
const GOAL_RATIO = 1.1;

export const router: Bench = {
  title: "HAProxy's CPU time a request, with Holdfast's configuration and with a hand-written one",
  async run(progress) {
    await using place = await Place.create();
    const rounds: Round[] = [];
    while (rounds.length < ROUNDS) {
      const round = await place.round();
      const [holdfast, peer, stateful] = [round.holdfast, round.peer, round.stateful].map((us) =>
        us.toFixed(1),
      );
      progress(`stateless ${holdfast} µs, hand-written ${peer} µs, stateful ${stateful} µs`);
      rounds.push(round);
    }
    return figures(rounds);
  },
};

/** HAProxy's CPU time a request in µs. */
interface Round {
  readonly holdfast: number;
  readonly peer: number;
  readonly stateful: number;
}

function figures(rounds: readonly Round[]): Measurement[] {
  const of = (kind: keyof Round): number[] => rounds.map((round) => round[kind]);
  const [holdfast, peer, stateful] = [of('holdfast'), of('peer'), of('stateful')];
  const about = (values: readonly number[]): string =>
    `${spread(values)} rounds of ${REQUESTS} requests; peer: hand-written round robin, ${spread(peer)}`;
  return [
    {
      name: 'router.stateless',
      value: median(holdfast),
      unit: 'µs',
      peer: median(peer),
      goal: median(peer) * GOAL_RATIO,
      about: `median, ${about(holdfast)}`,
    },
    {
      name: 'router.stateless.least',
      value: Math.min(...holdfast),
      unit: 'µs',
      peer: Math.min(...peer),
      about: 'the cheapest round of each, which the machine has disturbed least',
    },
    {
      name: 'router.stateful',
      value: median(stateful),
      unit: 'µs',
      peer: median(peer),
      about: `owner table and pins of ${USERS} users, median, ${about(stateful)}`,
    },
  ];
}

/** Both routers and the instances behind them. */
class Place implements AsyncDisposable {
  readonly #resources: AsyncDisposableStack;
  readonly #peer: Routing;
  readonly #holdfast: Routing;

  private constructor(resources: AsyncDisposableStack, peer: Routing, holdfast: Routing) {
    this.#resources = resources;
    this.#peer = peer;
    this.#holdfast = holdfast;
  }

  static async create(): Promise<Place> {
    const resources = new AsyncDisposableStack();
    try {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
      resources.defer(() => rm(folder, { recursive: true, force: true }));
      const started = new Starter(folder, resources);
      const [stateless, stateful]: [Pair, Pair] = [await freePair(), await freePair()];
      await started.haproxy('instances', (socket) => answeringConfig([...stateless, ...stateful], socket));
      const peer = await started.peer(stateless);
      const holdfast = await started.holdfast({ [STATELESS]: stateless, [STATEFUL]: stateful });
      return new Place(resources, peer, holdfast);
    } catch (error) {
      await resources.disposeAsync();
      throw error;
    }
  }

  async round(): Promise<Round> {
    return {
      holdfast: await cost(this.#holdfast, [request('/', 'somebody')]),
      peer: await cost(this.#peer, [request('/', 'somebody')]),
      stateful: await cost(this.#holdfast, users),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

interface Routing {
  readonly haproxy: Haproxy;
  readonly port: number;
}

class Starter {
  readonly #folder: string;
  readonly #resources: AsyncDisposableStack;

  constructor(folder: string, resources: AsyncDisposableStack) {
    this.#folder = folder;
    this.#resources = resources;
  }

  async haproxy(name: string, config: (runtimeSocket: string) => string): Promise<Haproxy> {
    const folder = await this.#subfolder(name);
    return this.#resources.use(await Haproxy.start(folder, config(runtimeSocket(folder))));
  }

  async peer(instances: Pair): Promise<Routing> {
    const port = await freePort();
    const haproxy = await this.haproxy('peer', (socket) => roundRobinConfig({ port, instances }, socket));
    return { haproxy, port };
  }

  /** As the controller would: started from the file, instances and owner table over the socket. */
  async holdfast(instances: Readonly<Record<string, Pair>>): Promise<Routing> {
    const port = await freePort();
    const folder = await this.#subfolder('holdfast');
    const files = new RouterFiles(folder);
    await files.writeScripts();
    await files.writeMap(STATEFUL, undefined);
    const haproxy = await this.haproxy('holdfast', () => holdfastConfig(port, routerSockets(folder)));
    const router = new HaproxyRouter(haproxy.runtime);
    for (const [service, ports] of Object.entries(instances))
      for (const [index, port] of ports.entries()) {
        const server = { name: `${service}-${index + 1}`, id: index + 1, host: HOST, port };
        await router.addServer(service, { ...server, stateful: service === STATEFUL });
      }
    await router.publishTable(steadyTable(undefined, STATEFUL, alike([`${STATEFUL}-1`, `${STATEFUL}-2`])));
    await eventually('all instances are up', () => allUp(router));
    return { haproxy, port };
  }

  async #subfolder(name: string): Promise<string> {
    const folder = join(this.#folder, name);
    await mkdir(folder, { recursive: true });
    return folder;
  }
}

async function allUp(router: HaproxyRouter): Promise<true | undefined> {
  const { backends } = await router.observe();
  return Object.values(backends).every(({ servers }) => servers.every(({ up }) => up)) || undefined;
}

async function cost({ haproxy, port }: Routing, requests: readonly string[]): Promise<number> {
  const before = haproxy.cpu;
  await closedLoad({ host: HOST, port, requests, body: BODY, connections: CONNECTIONS, count: REQUESTS });
  return ((haproxy.cpu - before) / REQUESTS) * 1e6;
}

function request(path: string, user: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: bench\r\n${USER_HEADER}: ${user}\r\n\r\n`;
}

const users = Array.from({ length: USERS }, (_, n) => request(`/${STATEFUL}`, `user-${n}@example.org`));

async function freePair(): Promise<Pair> {
  return [await freePort(), await freePort()];
}
