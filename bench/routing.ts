/**
 * What routing by user costs: CPU time of a request, in turns with peers, since throughput varies far more;
 * the computing of a change of the owner table; and the time from the decision until a router works by it.
 * Envoy and nginx are compared where they are found in PATH.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HaproxyRouter } from '../src/routing/haproxy-router.ts';
import type { OwnerTable } from '../src/routing/owner-table.ts';
import { RouterFiles } from '../src/routing/router-files.ts';
import { OWNER_TABLES } from '../src/routing/tables/make-table.ts';
import { alike, type Member } from '../src/routing/tables/member.ts';
import { steadyTable } from '../src/routing/tables/steady.ts';
import type { Bench } from './bench.ts';
import { closedLoad } from './closed-load.ts';
import { freePort } from './free-port.ts';
import { Haproxy, routerSockets, runtimeSocket } from './haproxy.ts';
import { median, spread, type Measurement } from './measurement.ts';
import { answeringConfig, BODY, HOST, USER_HEADER } from './router-layout.ts';
import { instanceName, ownersConfig, SERVICE } from './routing-layout.ts';
import { folderIn, planesHere, type Plane, type PlaneName } from './routing-planes.ts';

const ROUNDS = 8;
/** One request of each in a round. */
const USERS = 50_000;
const CONNECTIONS = 32;
const INSTANCES = 4;
/** HAProxy's time a request may be so many times that of round robin. */
const GOALS: Readonly<Partial<Record<PlaneName, number>>> = { table: 1.1, pins: 1.35 };

const CHANGES = 9;
const SIZES = [100, 1_000] as const;
/** ms of computing, by the number of instances. */
const COMPUTING_GOALS: Readonly<Record<(typeof SIZES)[number], number>> = { 100: 10, 1_000: 50 };
const IN_FORCE_GOAL = 100;

export const routing: Bench = {
  title: 'CPU time of a request that is routed by its user, and of changes of the owner table',
  async run(progress) {
    const requests = await requestCosts(progress);
    const publishing = await publishingTimes();
    return [...requests, ...computingTimes(), ...publishing];
  },
};

async function requestCosts(progress: (text: string) => void): Promise<Measurement[]> {
  await using resources = new AsyncDisposableStack();
  const planes = await startPlanes(resources);
  const costs = new Map<PlaneName, number[]>(planes.map(({ name }) => [name, []]));
  // The first round warms up: it opens connections and pins every user.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const plane of planes) {
      const cost = await costOf(plane);
      if (round > 0) costs.get(plane.name)?.push(cost);
    }
    const line = planes.map(({ name }) => `${name} ${costs.get(name)?.at(-1)?.toFixed(1) ?? '-'}`);
    progress(line.join(', '));
  }
  const bare = costs.get('round robin') ?? [];
  return planes.map(({ name }) => costFigure(name, costs.get(name) ?? [], bare));
}

async function startPlanes(resources: AsyncDisposableStack): Promise<Plane[]> {
  const folder = await temporaryFolder(resources);
  const instances = await freePorts(INSTANCES);
  const behind = await folderIn(folder, 'instances');
  resources.use(await Haproxy.start(behind, answeringConfig(instances, runtimeSocket(behind))));
  const planes: Plane[] = [];
  for (const [index, start] of planesHere(process.env['PATH'] ?? '').entries()) {
    const spec = { port: await freePort(), instances };
    planes.push(await start(spec, await folderIn(folder, String(index)), resources));
  }
  return planes;
}

/** CPU time of a request in µs. */
async function costOf(plane: Plane): Promise<number> {
  const before = plane.cpu();
  const load = { host: HOST, port: plane.port, requests: users, body: BODY, connections: CONNECTIONS };
  await closedLoad({ ...load, count: USERS });
  return ((plane.cpu() - before) / USERS) * 1e6;
}

function costFigure(name: PlaneName, costs: readonly number[], bare: readonly number[]): Measurement {
  const goal = GOALS[name];
  const least = `the cheapest ${(Math.min(...costs) / Math.min(...bare)).toFixed(2)} of it`;
  return {
    name: `routing.${name.replaceAll(' ', '-')}`,
    value: median(costs),
    unit: 'µs',
    peer: median(bare),
    ...(goal === undefined ? {} : { goal: goal * median(bare) }),
    about: `median, ${spread(costs)} rounds of ${USERS} users; peer: HAProxy's round robin; ${least}`,
  };
}

/** CPU time of computing a table in ms: from nothing, and one of the members gone or added. */
function computingTimes(): Measurement[] {
  return SIZES.flatMap((size) =>
    Object.entries(OWNER_TABLES).flatMap(([kind, make]) => {
      const before = make(undefined, SERVICE, members(size));
      const timed = (what: string, work: () => unknown, goal?: number): Measurement => {
        const times = Array.from({ length: CHANGES }, () => cpuOf(work));
        const about = `median of CPU time, ${spread(times)}`;
        const name = `routing.compute.${kind}.${size}.${what}`;
        return { name, value: median(times), unit: 'ms', about, ...(goal === undefined ? {} : { goal }) };
      };
      return [
        timed('full', () => make(undefined, SERVICE, members(size))),
        timed('gone', () => make(before, SERVICE, members(size - 1)), COMPUTING_GOALS[size]),
        timed('added', () => make(before, SERVICE, members(size + 1)), COMPUTING_GOALS[size]),
      ];
    }),
  );
}

/** Wall time from the decision until HAProxy works by it: computing, the file, the running HAProxy. */
async function publishingTimes(): Promise<Measurement[]> {
  const found: Measurement[] = [];
  for (const size of SIZES) {
    await using resources = new AsyncDisposableStack();
    const publisher = await Publisher.create(size, resources);
    const changed: number[] = [];
    const whole: number[] = [];
    for (let turn = 0; turn < CHANGES; turn += 1) {
      changed.push(await publisher.change(size + 1));
      changed.push(await publisher.change(size));
      whole.push(await publisher.whole());
    }
    const about = `median, ${spread(changed)} changes of one instance; peer: the whole table, ${spread(whole)}`;
    const [value, peer] = [median(changed), median(whole)];
    found.push({ name: `routing.in-force.${size}`, value, unit: 'ms', peer, goal: IN_FORCE_GOAL, about });
  }
  return found;
}

class Publisher {
  readonly #haproxy: Haproxy;
  readonly #files: RouterFiles;
  readonly #router: HaproxyRouter;
  #table: OwnerTable;

  private constructor(haproxy: Haproxy, files: RouterFiles, table: OwnerTable) {
    this.#haproxy = haproxy;
    this.#files = files;
    this.#router = new HaproxyRouter(haproxy.runtime);
    this.#table = table;
  }

  static async create(size: number, resources: AsyncDisposableStack): Promise<Publisher> {
    const folder = await temporaryFolder(resources);
    const files = new RouterFiles(folder);
    const table = steadyTable(undefined, SERVICE, members(size));
    await files.writeScripts();
    await files.writeMap(SERVICE, undefined);
    const sockets = routerSockets(folder);
    const config = ownersConfig({ port: await freePort(), instances: [] }, sockets, false);
    const publisher = new Publisher(resources.use(await Haproxy.start(folder, config)), files, table);
    await publisher.#router.publishTable(table);
    return publisher;
  }

  /** ms until HAProxy works by the table for so many instances. */
  async change(size: number): Promise<number> {
    const start = performance.now();
    await this.#putInForce(steadyTable(this.#table, SERVICE, members(size)), this.#router);
    return performance.now() - start;
  }

  /** ms until it works by a table sent by somebody who does not know what HAProxy has. */
  async whole(): Promise<number> {
    const start = performance.now();
    const next = { ...this.#table, epoch: this.#table.epoch + 1 };
    await this.#putInForce(next, new HaproxyRouter(this.#haproxy.runtime));
    const time = performance.now() - start;
    // The next change is again one to a table that the publisher knows.
    this.#table = { ...next, epoch: next.epoch + 1 };
    await this.#router.publishTable(this.#table);
    return time;
  }

  async #putInForce(table: OwnerTable, router: HaproxyRouter): Promise<void> {
    await this.#files.writeMap(SERVICE, table);
    await router.publishTable(table);
    this.#table = table;
  }
}

function cpuOf(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function members(count: number): Member[] {
  return alike(Array.from({ length: count }, (_, index) => instanceName(index)));
}

async function temporaryFolder(resources: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

const users = Array.from(
  { length: USERS },
  (_, n) => `GET / HTTP/1.1\r\nHost: bench\r\n${USER_HEADER}: user-${n}@example.org\r\n\r\n`,
);
