// `npm run soak`: the long counts. The same tests as in `npm test`, which runs a seeded sample of each.
//   npm run soak                                        all parts with all their counts
//   npm run soak -- migration --kills 1000 --seed 7     a part, with counts of its own (0 leaves a test out)
// Ends with node's summary. A seed that is not given is made up, and printed.
import { parseArgs } from 'node:util';
import { setUp, node, run } from './set-up.js';

/** For each part its test files, and for each count its variable's name and what it is here; see the tests themselves. */
const PARTS = {
  controller: {
    'src/controller/plan.test.ts': { RUNS: 5_000 },
  },
  routing: {
    'src/routing/tables/conformance.test.ts': { TABLE_HISTORIES: 200 },
    'test/routing/keys.test.ts': { KEYS: 20_000 },
  },
  migration: {
    'test/migration/kill.test.ts': { KILLS: 1_000 },
    'test/migration/backfill-kill.test.ts': { BACKFILL_KILLS: 300 },
    'test/migration/cut.test.ts': { CONNECTION_CUTS: 300 },
    'test/migration/several.test.ts': { MIGRATORS: 200 },
    'test/migration/recorded-corpus.test.ts': { RECORDED_CHANGES: 1_000 },
    'test/migration/data-file.test.ts': { DATA_MEGABYTES: 50 },
    'test/migration/second-series.test.ts': { SECOND_SERIES_KILLS: 200 },
    'test/migration/galera.test.ts': { GALERA_ROUNDS: 200, GALERA_KILLS: 200 },
  },
  machine: {
    'test/machine/kill.test.ts': { CONTROLLER_KILLS: 60 },
  },
  session: {
    'test/session/simulation/simulation.test.ts': { SIMULATIONS: 20_000 },
  },
  'hand-over': {
    'test/hand-over/cuts.test.ts': { CUTS: 32 },
    'test/hand-over/drill.test.ts': { SESSIONS: 5_000 },
    'test/hand-over/liar.test.ts': { LIES: 2 },
  },
};

const files = Object.fromEntries(Object.values(PARTS).flatMap((part) => Object.entries(part)));
const names = Object.values(files).flatMap((counts) => Object.keys(counts));
const { parts, counts, seed } = wishes();

const chosen = Object.fromEntries(parts.flatMap((part) => Object.entries(PARTS[part])));
for (const [name, count] of Object.values(chosen).flatMap((counts) => Object.entries(counts)))
  process.env[`HOLDFAST_${name}`] = counts.get(name) ?? process.env[`HOLDFAST_${name}`] ?? String(count);
const wanted = Object.keys(chosen).filter((file) => Object.keys(files[file]).some(isWanted));
process.env.HOLDFAST_SEED = seed;
process.env.HOLDFAST_SOAK = '1';

setUp({ testing: true });
process.stderr.write(
  `seed ${seed}; ${Object.keys(chosen)
    .flatMap((file) => Object.keys(files[file]))
    .map(told)
    .join(', ')}\n`,
);
run(node, ['--test', '--test-concurrency=1', ...wanted]);

/** What the command line says: the parts, the counts by name, the seed. */
function wishes() {
  const options = ['seed', ...names.map(optionOf)];
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: Object.fromEntries(options.map((name) => [name, { type: 'string' }])),
    });
    const unknown = positionals.find((part) => !(part in PARTS));
    if (unknown !== undefined) throw new Error(`there is no part ${unknown}`);
    const wrong = Object.entries(values).find(([, value]) => !/^\d+$/.test(value));
    if (wrong) throw new Error(`--${wrong[0]} needs a whole number`);
    return {
      parts: positionals.length > 0 ? positionals : Object.keys(PARTS),
      counts: new Map(names.map((name) => [name, values[optionOf(name)]])),
      seed: values.seed ?? process.env.HOLDFAST_SEED ?? String(Math.floor(Math.random() * 2 ** 31)),
    };
  } catch (error) {
    process.stderr.write(
      `${error.message}\nusage: npm run soak [-- PART... --COUNT N --seed N]\n  parts: ${Object.keys(PARTS).join(' ')}\n  counts: ${names.map(optionOf).join(' ')}\n`,
    );
    process.exit(2);
  }
}

/** GALERA_KILLS is --galera-kills. */
function optionOf(name) {
  return name.toLowerCase().replaceAll('_', '-');
}

function isWanted(name) {
  return process.env[`HOLDFAST_${name}`] !== '0';
}

function told(name) {
  return `${optionOf(name)} ${process.env[`HOLDFAST_${name}`]}`;
}
