/** How much the machine itself varies: the same piece of work, timed again and again. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { findProgram, type Program } from '../src/platform/programs.ts';
import { median, spread, type Measurement } from './measurement.ts';

const TIMES = 11;
/** About a tenth of a second of one core. */
const HASHES = 60_000;

/** Nothing below the spread that this shows is a difference. */
export function measureNoise(): Measurement[] {
  work();
  const times = Array.from({ length: TIMES }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  const middle = median(times);
  const about = `the same work on one core: ${spread(times)} ms`;
  return [
    { name: 'noise.work', value: middle, unit: 'ms', about },
    { name: 'noise.spread', value: (100 * (Math.max(...times) - Math.min(...times))) / middle, unit: '%' },
  ];
}

/** The machine and the programs that the figures are of, on one line. */
export function describeMachine(): string {
  return [
    `${availableParallelism()} cores`,
    `Node ${process.versions.node}`,
    `HAProxy ${versionOf('haproxy', '-v')}`,
    `MariaDB ${versionOf('mariadbd', '--version')}`,
  ].join(', ');
}

function work(): void {
  let digest = 'holdfast';
  for (let n = 0; n < HASHES; n += 1) digest = createHash('sha1').update(digest).digest('hex');
}

function versionOf(program: Program, flag: string): string {
  const path = findProgram(program, process.env['PATH'] ?? '');
  if (path === undefined) return 'missing';
  return /\d+\.\d+\.\d+/.exec(execFileSync(path, [flag], { encoding: 'utf8' }))?.[0] ?? 'unknown';
}
