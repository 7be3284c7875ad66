/** `up`: from typing the command to the first answer of both services through the router. */
import { EMPTY_ASPIRE, type Bench } from './bench.ts';
import { Example } from './example.ts';
import { median, spread, type Measurement } from './measurement.ts';

const TIMES = 5;
const GOAL_SECONDS = 3;

export const up: Bench = {
  title: 'up --detach of the example to the first answer of both services',
  async run(progress) {
    await using example = await Example.create();
    const cold = await timeUp(example);
    progress(`cold ${cold.answered.toFixed(2)} s`);
    const warm: Times[] = [];
    while (warm.length < TIMES) {
      await example.verb('down');
      const times = await timeUp(example);
      progress(`warm ${times.answered.toFixed(2)} s`);
      warm.push(times);
    }
    return [warmAnswered(warm), warmEnded(warm), ...coldOnce(cold)];
  },
};

interface Times {
  /** Both services have answered, and the command has ended; seconds since it was spawned. */
  readonly answered: number;
  readonly ended: number;
}

/** A log-in, which checks a password, and a page: what a user's first minute is made of. */
async function timeUp(example: Example): Promise<Times> {
  const start = performance.now();
  const since = (): number => (performance.now() - start) / 1000;
  const [ended, ...answered] = await Promise.all([
    example.verb('up', '--detach').then(since),
    example.loginAnswers().then(since),
    example.communityAnswers().then(since),
  ]);
  return { answered: Math.max(...answered), ended };
}

function warmAnswered(warm: readonly Times[]): Measurement {
  const values = warm.map(({ answered }) => answered);
  return {
    name: 'up.warm',
    value: median(values),
    unit: 's',
    peer: EMPTY_ASPIRE.start,
    goal: GOAL_SECONDS,
    about: `first answer of both services, median, ${spread(values)}; peer: ${EMPTY_ASPIRE.name}, published`,
  };
}

function warmEnded(warm: readonly Times[]): Measurement {
  const values = warm.map(({ ended }) => ended);
  const about = `the command has ended, median, ${spread(values)}`;
  return { name: 'up.warm.command', value: median(values), unit: 's', about };
}

function coldOnce({ answered }: Times): Measurement[] {
  const about = 'the first start, which makes the data folder of the database; once';
  return [{ name: 'up.cold', value: answered, unit: 's', about }];
}
