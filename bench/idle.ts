/** What the controller costs while nothing happens. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { Example } from './example.ts';
import { childrenOf, cpuSeconds, residentMegabytes } from './process-cost.ts';

/** Starting up is over by then: what is measured is rest. */
const SETTLE_MS = 10_000;
const WINDOW_MS = 30_000;
const GOAL_PERCENT = 1;
const GOAL_MEGABYTES = 150;

export const idle: Bench = {
  title: 'the controller while the example is at rest',
  async run(progress) {
    await using example = await Example.create();
    await example.verb('up', '--detach');
    const { router } = await example.status();
    const [controller, haproxy] = [example.controller(), router.pid ?? 0];
    await delay(SETTLE_MS);
    progress(`measuring for ${WINDOW_MS / 1000} s`);
    const start = performance.now();
    const before = [controller, ...childrenOf(haproxy)].map(cpuSeconds);
    await delay(WINDOW_MS);
    const after = [controller, ...childrenOf(haproxy)].map(cpuSeconds);
    const seconds = (performance.now() - start) / 1000;
    const share = (at: number): number => (100 * ((after[at] ?? NaN) - (before[at] ?? NaN))) / seconds;
    return [
      {
        name: 'idle.cpu',
        value: share(0),
        unit: '%',
        goal: GOAL_PERCENT,
        about: `of one core, over ${WINDOW_MS / 1000} s`,
      },
      {
        name: 'idle.memory',
        value: residentMegabytes(controller),
        unit: 'MB',
        goal: GOAL_MEGABYTES,
        about: 'resident, Node itself included',
      },
      { name: 'idle.haproxy.cpu', value: share(1), unit: '%', about: 'of one core: checks and questions' },
    ];
  },
};
