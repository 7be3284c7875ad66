/**
 * How often a test does what it does at random moments, and which ones: a few times in `npm test`; `npm run soak` says
 * how often in an environment variable, and is told how far it is.
 */

import { generator } from './counting-set.ts';

/** The count that the variable HOLDFAST_`name` says, or else `sample`. */
export function countOf(name: string, sample: number): number {
  return Number(process.env[`HOLDFAST_${name}`] ?? sample);
}

/** Numbers from 0 to 1, those of HOLDFAST_SEED. */
export function seeded(): () => number {
  return generator(countOf('SEED', 1));
}

/** Says on stderr how far a long count is, whose results so far have been checked. */
export function tellCount(what: string, done: number, of: number): void {
  if (process.env['HOLDFAST_SOAK'] === undefined) return;
  process.stderr.write(`${what}: ${done} of ${of}; applied twice 0, left out 0, repairs by hand 0\n`);
}
