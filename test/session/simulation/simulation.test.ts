/**
 * The decisions of the hand-over protocol in thousands of simulated clusters. `HOLDFAST_SIMULATIONS` says how many runs of
 * each kind there are, `HOLDFAST_SEED` with which they begin; a failure names the seed, and the same seed is the same run.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAULTY } from './faulty-keepers.ts';
import { KEYS, simulate, type SimulationOptions } from './simulation.ts';

const RUNS = Number(process.env['HOLDFAST_SIMULATIONS'] ?? 500);
const FIRST_SEED = Number(process.env['HOLDFAST_SEED'] ?? 1);
/** The rarest of the broken rules shows in about one of a hundred runs. */
const RUNS_TO_FIND = 500;
const KINDS = ['single', 'many', 'deaf'] as const;

function isFaultFound(seed: number, makeKeeper: SimulationOptions['makeKeeper']): boolean {
  for (const faults of KINDS) {
    try {
      simulate(seed, { faults, ...(makeKeeper === undefined ? {} : { makeKeeper }) }).check(KEYS);
    } catch (error) {
      if (error instanceof assert.AssertionError) return true;
      throw error;
    }
  }
  return false;
}

for (const faults of KINDS) {
  test(`nothing is lost, stale or run twice, faults: ${faults}`, () => {
    let answers = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
      const history = simulate(seed, { faults });
      try {
        history.check(KEYS);
      } catch (cause) {
        throw new Error(`seed ${seed}, faults ${faults}`, { cause });
      }
      answers += history.answers;
    }
    assert.ok(answers > 20 * RUNS, `only ${answers} answers in ${RUNS} runs: nothing was tested`);
  });
}

for (const [name, makeKeeper] of Object.entries(FAULTY)) {
  test(`the checks find ${name}`, () => {
    const seeds = Array.from({ length: RUNS_TO_FIND }, (_, n) => n + 1);
    assert.ok(seeds.some((seed) => isFaultFound(seed, makeKeeper)));
  });
}
