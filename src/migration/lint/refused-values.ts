/** Finds values that the running version may send and that worked before a change of the schema. */

import type { Step } from '../shadow/rehearsal.ts';
import type { Known } from './baseline.ts';
import { findingOf, useOf, type Finding, type Found } from './finding.ts';
import type { ReplayPlace, Standing } from './standing.ts';
import { tryVariations, type Tried } from './try-variations.ts';

/** Other values than the recorded ones, for what is whole with those. */
export async function refusedValues(
  { application, signal }: ReplayPlace,
  step: Step,
  standings: readonly Standing[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const standing of standings) {
    signal.throwIfAborted();
    const { known, broken } = standing;
    if (broken || known.tried.length === 0) continue;
    const again = await tryVariations(
      application,
      known.recorded,
      known.tried.map(({ variation }) => variation),
    );
    const at = again.findIndex(({ outcome }, index) => outcome !== known.tried[index]?.outcome);
    const tried = again[at];
    if (!tried) continue;
    // One is enough: what else is refused later is not asked.
    standing.known = { ...known, tried: [] };
    findings.push(findingOf(step, valuesFound(known, tried, known.tried[at])));
  }
  return findings;
}

function valuesFound(known: Known, tried: Tried, before: Tried | undefined): Found {
  const values = tried.variation.map((parameters) => parameters.map(({ value }) => shown(value)).join(', '));
  const was = before === undefined ? '' : ` instead of changing${before.outcome} rows`;
  const what = tried.isRefused ? tried.outcome : `changes${tried.outcome} rows${was}`;
  const code = /^refused with (\d+)/.exec(tried.outcome)?.[1];
  const use = useOf(known.recorded, `with (${values.join(') then (')}): ${what}`);
  return { rule: 'refuses-values', uses: [use], ...(code === undefined ? {} : { code: Number(code) }) };
}

const mostShown = 40;

function shown(value: string | number | null): string {
  const text = JSON.stringify(value);
  return text.length <= mostShown ? text : `${text.slice(0, mostShown - 1)}… (${text.length - 2} characters)`;
}
