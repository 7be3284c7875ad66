/**
 * `npm run bench -- [NAME...] [--json]`: measures and reports. A figure is a report, not a test: a goal
 * that is missed is said clearly and ends with exit code 0; 2 is for a name that no bench has.
 */
import { parseArgs } from 'node:util';
import { backfill } from './backfill.ts';
import type { Bench } from './bench.ts';
import { down } from './down.ts';
import { idle } from './idle.ts';
import { kill } from './kill.ts';
import { kubernetes } from './kubernetes.ts';
import { migration } from './migration.ts';
import { reported, type Measurement } from './measurement.ts';
import { describeMachine, measureNoise } from './noise.ts';
import { renderTable } from './report.ts';
import { router } from './router.ts';
import { routing } from './routing.ts';
import { session } from './session.ts';
import { up } from './up.ts';

const benches: Readonly<Record<string, Bench>> = {
  up,
  down,
  kill,
  idle,
  router,
  routing,
  session,
  migration,
  backfill,
  kubernetes,
};

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false } },
  });
  const unknown = positionals.filter((name) => !Object.hasOwn(benches, name));
  if (unknown.length > 0) {
    const known = Object.entries(benches).map(([name, { title }]) => `  ${name.padEnd(8)} ${title}`);
    say(`There is no bench ${unknown.join(', ')}. There are:\n${known.join('\n')}`);
    return 2;
  }
  say(describeMachine());
  const chosen = Object.entries(benches).filter(
    ([name]) => positionals.length === 0 || positionals.includes(name),
  );
  const measurements = measureNoise();
  if (values.json) measurements.forEach(printJson);
  for (const [name, bench] of chosen) {
    say(`\n${name}: ${bench.title}`);
    const found = await bench.run((text) => say(`  ${text}`));
    if (values.json) found.forEach(printJson);
    measurements.push(...found);
  }
  if (!values.json) process.stdout.write(`\n${renderTable(measurements)}`);
  return 0;
}

/** What is not a figure goes to the other output, so that programs read figures only. */
function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function printJson(measurement: Measurement): void {
  process.stdout.write(`${JSON.stringify(reported(measurement))}\n`);
}

process.exitCode = await main(process.argv.slice(2));
