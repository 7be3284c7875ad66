// `npm run soak`: the long counts. The same tests as in `npm test`, which runs a seeded sample of each.
import { setUp, node, run } from './set-up.js';

/** What each test that samples is told; see the tests themselves. */
const COUNTS = {
  HOLDFAST_KILLS: '300',
  HOLDFAST_CONTROLLER_KILLS: '60',
  HOLDFAST_RUNS: '5000',
};

const FILES = ['src/controller/plan.test.ts', 'test/migration/kill.test.ts', 'test/machine/kill.test.ts'];

setUp({ testing: true });
for (const [name, count] of Object.entries(COUNTS)) process.env[name] ??= count;
run(node, ['--test', '--test-concurrency=1', ...FILES]);
