/** `down`: from typing the command to everything having ended. */
import { EMPTY_ASPIRE, type Bench } from './bench.ts';
import { eventually } from './condition.ts';
import { Example } from './example.ts';
import { median, spread } from './measurement.ts';
import { isAlive } from './process-cost.ts';

const TIMES = 5;
const GOAL_SECONDS = 2;

export const down: Bench = {
  title: 'down of the example',
  async run(progress) {
    await using example = await Example.create();
    const values: number[] = [];
    while (values.length < TIMES) {
      await example.verb('up', '--detach');
      const seconds = await timeDown(example);
      progress(`${seconds.toFixed(2)} s`);
      values.push(seconds);
    }
    return [
      {
        name: 'down',
        value: median(values),
        unit: 's',
        peer: EMPTY_ASPIRE.stop,
        goal: GOAL_SECONDS,
        about: `everything has ended, median, ${spread(values)}; peer: ${EMPTY_ASPIRE.name}, published`,
      },
    ];
  },
};

/** The controller itself ends only after it has answered the command, so the processes are looked at. */
async function timeDown(example: Example): Promise<number> {
  const running = await example.processes();
  const start = performance.now();
  await example.verb('down');
  await eventually('everything has ended', () => !running.some(isAlive) || undefined);
  return (performance.now() - start) / 1000;
}
