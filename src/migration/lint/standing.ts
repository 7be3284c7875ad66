/**
 * How the recorded statements stand at some point of a migration: everything is sent again after each statement
 * of it, and what it notices is remembered until it works as before.
 */

import type { Connection } from 'mysql2/promise';
import type { Step } from '../shadow/rehearsal.ts';
import type { Baseline, Known } from './baseline.ts';
import type { KnownTable } from './effect.ts';
import { readableTables } from './known-tables.ts';
import { difference, type Difference, type Observation } from './observation.ts';
import { beginReplay, replay } from './replay.ts';

/** How a recorded statement stands at some point of the migration. */
export interface Standing {
  known: Known;
  /** Since when and how it is broken. */
  broken?: Broken;
}

/** Where and how a recorded statement broke. */
export interface Broken {
  readonly step: Step;
  readonly known: Known;
  readonly difference: Difference;
  /** The statement after which it works again, as FILE:LINE. */
  until?: string;
}

export interface ReplayPlace {
  readonly application: Connection;
  readonly database: string;
  readonly signal: AbortSignal;
}

export interface ReplayRequest {
  readonly baseline: Baseline;
  readonly standings: readonly Standing[];
  /** The statement has changed rows only. */
  readonly isData: boolean;
}

/** Sends everything once. @returns what broke at this step; what works again is written down where it broke */
export async function replayAll(
  { application, database, signal }: ReplayPlace,
  step: Step,
  { baseline, standings, isData }: ReplayRequest,
): Promise<Broken[]> {
  const tables = await readableTables(application, database, baseline.tables);
  const replaying = await beginReplay(application, tables);
  const readable = namesOf(tables);
  const found: Broken[] = [];
  for (const standing of standings) {
    signal.throwIfAborted();
    const { known } = standing;
    const seenBy = known.isWrite ? replaying : { connection: application, tables: [], rows: [] };
    const observed = await replay(seenBy, known.recorded);
    const broken = stand(standing, observed, { step, readable, isData });
    if (broken) found.push(broken);
  }
  return found;
}

/** Writes down how the statement stands after `step`. @returns how it broke there */
function stand(
  standing: Standing,
  observed: Observation,
  {
    step,
    readable,
    isData,
  }: { readonly step: Step; readonly readable: ReadonlySet<string>; readonly isData: boolean },
): Broken | undefined {
  const { known } = standing;
  const noticed = difference({ ...known, readable }, known.done, observed);
  if (!noticed) {
    if (standing.broken) standing.broken.until = `${step.file.file}:${step.statement.line}`;
    delete standing.broken;
    return undefined;
  }
  if (noticed.isMore === true && isData && observed.kind === 'done') {
    // Rows were added to what it lists: from now on it lists those.
    standing.known = { ...known, done: observed };
    return undefined;
  }
  if (standing.broken) return undefined;
  standing.broken = { step, known, difference: noticed };
  return standing.broken;
}

function namesOf(tables: readonly KnownTable[]): Set<string> {
  return new Set(
    tables.flatMap(({ name, columns }) => [name, ...columns.map((column) => `${name}.${column}`)]),
  );
}
