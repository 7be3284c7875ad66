/**
 * SIGKILL for an instance of the stateless service under load: how long until the router sends it
 * nothing more, until another one is ready in its place, and how many requests that costs.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { controlClient } from '../src/cli/control-client.ts';
import type { InstanceStatus, Status } from '../src/controller/status.ts';
import { HaproxyRouter } from '../src/routing/haproxy-router.ts';
import { RuntimeSocket } from '../src/routing/runtime-socket.ts';
import type { Bench } from './bench.ts';
import { eventually } from './condition.ts';
import { Example } from './example.ts';
import { median, spread } from './measurement.ts';
import { SteadyLoad, type Outcome } from './steady-load.ts';

const TIMES = 5;
const SERVICE = 'community';
const PER_SECOND = 200;
/** Load before the kill, so that connections are there and code is warm. */
const WARM_UP_MS = 2_000;
const GOAL_SECONDS = 1;

export const kill: Bench = {
  title: `kill -9 of a stateless instance at ${PER_SECOND} requests/s`,
  async run(progress) {
    await using example = await Example.create();
    const kills: Kill[] = [];
    while (kills.length < TIMES) {
      // Anew each time: an instance that has died just before waits longer for its next start.
      await example.verb('up', '--detach');
      const result = await killOne(example);
      await example.verb('down');
      progress(
        `out after ${result.out.toFixed(3)} s, replaced after ${result.replaced.toFixed(2)} s, ` +
          `${result.failed} of ${result.asked} requests failed`,
      );
      kills.push(result);
    }
    const [out, replaced] = [kills.map((k) => k.out), kills.map((k) => k.replaced)];
    const [failed, asked] = [sum(kills.map((k) => k.failed)), sum(kills.map((k) => k.asked))];
    return [
      {
        name: 'kill.out',
        value: median(out),
        unit: 's',
        goal: GOAL_SECONDS,
        about: `until HAProxy sends it nothing and no request fails any more, median, ${spread(out)}`,
      },
      {
        name: 'kill.replaced',
        value: median(replaced),
        unit: 's',
        about: `ready; with the pause after an early death, median, ${spread(replaced)}`,
      },
      { name: 'kill.failed', value: failed, unit: 'requests', about: `of ${asked}, in ${TIMES} kills` },
    ];
  },
};

interface Kill {
  /** Seconds from the kill. */
  readonly out: number;
  readonly replaced: number;
  readonly failed: number;
  readonly asked: number;
}

async function killOne(example: Example): Promise<Kill> {
  const load = new SteadyLoad(example.url, PER_SECOND);
  try {
    await delay(WARM_UP_MS);
    const victim = await someInstance(example);
    const killed = performance.now();
    process.kill(victim.pid, 'SIGKILL');
    const [unrouted, replaced] = await Promise.all([whenOut(example, victim), whenReplaced(example, victim)]);
    await load.end();
    const failures = load.outcomes.filter(hasFailed).filter(({ done }) => done >= killed);
    const out = Math.max(unrouted, ...failures.map(({ done }) => done));
    return {
      out: (out - killed) / 1000,
      replaced: (replaced - killed) / 1000,
      failed: failures.length,
      asked: load.outcomes.length,
    };
  } finally {
    await load.end();
  }
}

type Victim = InstanceStatus & { readonly pid: number };

async function someInstance(example: Example): Promise<Victim> {
  const [instance] = instancesOf(await askStatus(example));
  const pid = instance?.pid ?? undefined;
  if (instance === undefined || pid === undefined) throw new Error(`${SERVICE} has no instance`);
  return { ...instance, pid };
}

/** When HAProxy has the victim no more, or sees that it is down. */
async function whenOut(example: Example, { id, address }: Victim): Promise<number> {
  const router = new HaproxyRouter(new RuntimeSocket(example.runtimeSocket));
  return eventually(`${id} is out of rotation`, async () => {
    const { backends } = await router.observe();
    const servers = backends[SERVICE]?.servers ?? [];
    const server = servers.find((s) => s.name === id && `${s.address}:${s.port}` === address);
    return server?.up === true ? undefined : performance.now();
  });
}

/** When the service has as many instances ready as before, the victim not among them. */
async function whenReplaced(example: Example, { pid }: Victim): Promise<number> {
  return eventually(`${SERVICE} has another instance`, async () => {
    const ready = instancesOf(await askStatus(example)).filter((i) => i.state === 'ready');
    return ready.length >= 2 && ready.every((i) => i.pid !== pid) ? performance.now() : undefined;
  });
}

async function askStatus(example: Example): Promise<Status> {
  return (await controlClient(example.controlSocket).get('/status')) as Status;
}

function instancesOf(status: Status): readonly InstanceStatus[] {
  return status.services.find(({ name }) => name === SERVICE)?.instances ?? [];
}

function hasFailed({ status }: Outcome): boolean {
  return status === undefined || status >= 500;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
