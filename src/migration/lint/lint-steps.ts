/**
 * Runs the statements of migrations one after the other on the shadow, and after each sends what the running
 * version sends: what it notices is a finding of that statement.
 */

import type { Connection } from 'mysql2/promise';
import { restoreSession, type SessionSettings } from '../connect.ts';
import { readSchema } from '../fingerprint.ts';
import type { MigrationFile } from '../migration-set.ts';
import { schemaDifference } from '../schema-difference.ts';
import { chooseWholeTable } from '../shadow/whole-table.ts';
import type { Step } from '../shadow/rehearsal.ts';
import type { Baseline } from './baseline.ts';
import { findingOf, useOf, type Finding } from './finding.ts';
import type { TableSizes } from '../table-sizes.ts';
import { lockFinding } from './lock-finding.ts';
import { tryStatement } from './lock-trial.ts';
import { isConcerned } from './concern.ts';
import type { Difference } from './observation.ts';
import { refusedValues } from './refused-values.ts';
import type { Rule } from './rules.ts';
import { readSequences, restarted } from './sequences.ts';
import { replayAll, type Broken, type Standing } from './standing.ts';

export interface LintPlace {
  /** Runs the migrations. */
  readonly migrator: Connection;
  /** Sends what the running version sends; takes several statements at once. */
  readonly application: Connection;
  readonly database: string;
  /** What each file begins with. */
  readonly session: SessionSettings;
  /** Of the live tables; none when no database is known. */
  readonly sizes?: TableSizes;
  readonly signal: AbortSignal;
}

/** What is found of `steps`, in their order. Ends early where a statement fails. */
export async function lintSteps(
  place: LintPlace,
  steps: readonly Step[],
  baseline: Baseline,
): Promise<Finding[]> {
  const standings = baseline.statements.map((known): Standing => ({ known }));
  const broken: Broken[] = [];
  const findings: Finding[] = [];
  let file: MigrationFile | undefined;
  let schema = await readSchema(place.application, place.database);
  for (const step of steps) {
    place.signal.throwIfAborted();
    if (step.file !== file) await beginFile(place, step);
    file = step.file;
    const sequences = await readSequences(place.application, place.database);
    const trial = await tryStatement(place.migrator, step.statement.sql);
    if (trial.error !== undefined) {
      findings.push(findingOf(step, { rule: 'fails', message: trial.error }));
      break;
    }
    const now = await readSchema(place.application, place.database);
    const changed = schemaDifference(now, schema);
    schema = now;
    const back = restarted(sequences, await readSequences(place.application, place.database));
    for (const name of back)
      findings.push(
        findingOf(step, { rule: 'restarts-sequence', message: `the sequence ${name} goes back` }),
      );
    const lock = lockFinding(trial, changed, place.sizes);
    if (lock) findings.push(findingOf(step, lock));
    broken.push(...(await replayAll(place, step, { baseline, standings, isData: changed.length === 0 })));
    const concerned = standings.filter(({ known }) => isConcerned(known.done.effect, changed));
    findings.push(...(await refusedValues(place, step, concerned)));
  }
  return [...findings, ...brokenFindings(broken)].toSorted((a, b) => order(steps, a) - order(steps, b));
}

function order(steps: readonly Step[], { file, line }: Finding): number {
  return steps.findIndex((step) => step.file.file === file && step.statement.line === line);
}

/** A file begins with the settings of a new connection. */
async function beginFile({ migrator, session }: LintPlace, { file }: Step): Promise<void> {
  await restoreSession(migrator, session);
  if (file.backfill) await chooseWholeTable(migrator, file.backfill);
}

const ruleOf: Readonly<Record<Difference['how'], Rule>> = {
  error: 'breaks-statement',
  rows: 'changes-result',
  effect: 'changes-effect',
  warning: 'adds-warning',
};

/** One finding for each step, rule and error. */
function brokenFindings(broken: readonly Broken[]): Finding[] {
  const groups = new Map<string, Broken[]>();
  for (const one of broken) {
    const { file, statement } = one.step;
    const { how, code } = one.difference;
    const key = JSON.stringify([file.file, statement.index, how, code ?? 0, one.until !== undefined]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { step, difference } = first;
    const uses = group.map(({ known, difference, until }) => ({
      ...useOf(known.recorded, difference.detail),
      ...(until === undefined ? {} : { until }),
    }));
    const code = difference.code;
    return [findingOf(step, { rule: ruleOf[difference.how], uses, ...(code === undefined ? {} : { code }) })];
  });
}
