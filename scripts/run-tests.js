// Runs the test files that its arguments name, in that order, and ends with node's summary. (`node --test` would sort
// them.) First those that may need the whole machine, one at a time; then those with a cluster for each, two at a time:
// they wait for most of their time. It needs the Node of the packages.
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { needsCluster } from './held-cluster.js';

/** The cluster of a kubectl context is one for all. */
const CLUSTERS = process.env.HOLDFAST_CONTEXT === undefined ? 2 : 1;
/** Of one file; ms. */
const TIMEOUT = 900_000;
/** What node says of a run at its end, one line each. */
const TOTAL = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

const wanted = process.argv.slice(2);
const groups = [
  { files: wanted.filter((file) => !needsCluster(file)), concurrency: 1 },
  { files: wanted.filter(needsCluster), concurrency: CLUSTERS },
].filter(({ files }) => files.length > 0);

Readable.from(events(groups)).compose(spec).pipe(process.stdout);

/** The events of all groups, as of one run. */
async function* events(groups) {
  const totals = new Map();
  for await (const event of eventsInTurn(groups)) {
    if (event.type === 'test:fail' && !event.data.todo) process.exitCode = 1;
    const total = event.type === 'test:diagnostic' ? TOTAL.exec(event.data.message) : null;
    if (total === null) yield event;
    else totals.set(total[1], { event, count: (totals.get(total[1])?.count ?? 0) + Number(total[2]) });
  }
  for (const [name, { event, count }] of totals)
    yield { ...event, data: { ...event.data, message: `${name} ${count}` } };
}

async function* eventsInTurn(groups) {
  for (const { files, concurrency } of groups)
    yield* run({ files: files.map((file) => resolve(file)), concurrency, timeout: TIMEOUT });
}
