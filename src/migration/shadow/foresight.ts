/**
 * What the statements that are to be run will do to the schema, found out on a shadow: from the whole
 * history of the set, begun with nothing, when that leads to the schema that the live database has;
 * otherwise (it was taken over, or changed by hand) from a copy of the live schema without its rows.
 * A shadow only adds knowledge: where there can be none, the reason is told, and the run goes on.
 */

import type { Connection } from 'mysql2/promise';
import { findProgram } from '../../platform/programs.ts';
import { reasonOf, type SessionSettings } from '../connect.ts';
import { fingerprintOf, type Schema } from '../fingerprint.ts';
import type { Statement } from '../migration-set.ts';
import { schemaDifference, type ObjectDifference } from '../schema-difference.ts';
import { readLiveSettings, seriesOf, type LiveSettings } from './live-settings.ts';
import { installedVersion } from './installed-version.ts';
import { rehearse, type Rehearsal, type Rehearsed, type Step } from './rehearsal.ts';
import { cacheKey, keepRehearsal, readRehearsal } from './rehearsal-cache.ts';
import { RehearsedSteps } from './rehearsed-steps.ts';
import { dumpSchema, loadSchema } from './schema-dump.ts';
import { startShadow } from './shadow-server.ts';

/** Where a shadow may be made. */
export interface ShadowSettings {
  readonly temporary: string;
  /** Where programs are looked for, as in PATH. */
  readonly searchPath: string;
  /** A folder for what has been found out; without it every time is the first. */
  readonly cache?: string;
}

export interface Question {
  readonly shadow: ShadowSettings;
  /** The live database. It is only read. */
  readonly connection: Connection;
  readonly database: string;
  readonly session: SessionSettings;
  readonly live: Schema;
  /** What has been applied, in order; empty when the files don't tell. */
  readonly applied: readonly Step[];
  readonly pending: readonly Step[];
  /** What sets up the connection before the first that is pending. */
  readonly settings: readonly Statement[];
  readonly signal: AbortSignal;
}

/** What the shadow tells, step by step. It may still be at work: then it has to be ended. */
export interface ForeseenSteps {
  /** What is known of a step now. */
  known(index: number): Rehearsed | undefined;
  /** Waits until the step is known; none when it never will be. */
  at(index: number): Promise<Rehearsed | undefined>;
  /** Waits for the shadow, so that what it tells is kept. @returns why it has not come to the end */
  finish(): Promise<string | undefined>;
  /** Ends it at once. */
  abandon(): Promise<void>;
}

export type Foresight =
  | {
      readonly kind: 'known';
      /** For each pending statement, from the first, as far as it can be found out. */
      readonly steps: ForeseenSteps;
      /** Where the live schema is not what the history leads to. */
      readonly drift: readonly ObjectDifference[];
    }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Finds out what the pending statements do. Rejects only when the signal ends it. */
export async function foresee(question: Question): Promise<Foresight> {
  const { signal } = question;
  try {
    const settings = await readLiveSettings(question.connection, question.database);
    const obstacle = await whyNone(question.shadow, settings);
    if (obstacle !== undefined) return { kind: 'unknown', reason: obstacle };
    return await fromHistoryOrCopy(question, settings);
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'unknown', reason: reasonOf(error) };
  }
}

/**
 * The schema that the history of `applied` leads to. @throws Error when there can be no shadow, or when a
 * statement does something else there
 */
export async function historySchema(
  question: Omit<Question, 'pending' | 'settings' | 'live'>,
): Promise<Schema> {
  const settings = await readLiveSettings(question.connection, question.database);
  const obstacle = await whyNone(question.shadow, settings);
  if (obstacle !== undefined) throw new Error(obstacle);
  const { steps, end } = await cached(question, settings, undefined, question.applied);
  const open = steps.findIndex(({ after }) => after === undefined);
  const step = question.applied[open];
  if (step === undefined) return end;
  const place = `${step.file.file}:${step.statement.line}`;
  throw new Error(`${place} does not run on an empty database: ${steps[open]?.error ?? ''}`);
}

async function fromHistoryOrCopy(question: Question, settings: LiveSettings): Promise<Foresight> {
  const { applied, pending, live } = question;
  const found = fingerprintOf(live);
  const history = await begin(question, settings, [...applied, ...pending]);
  if ((await history.steps.at(applied.length))?.before === found)
    return { kind: 'known', steps: foreseen(history, applied.length), drift: [] };
  const drift = await driftOf(question, settings, await history.end);
  const copy = await cached(question, settings, found, pending);
  const rehearsing = { steps: endedSteps(copy), end: Promise.resolve(copy), abandon: () => undefined };
  return copy.steps[0]?.before === found
    ? { kind: 'known', steps: foreseen(rehearsing, 0), drift }
    : { kind: 'unknown', reason: 'the live schema could not be copied' };
}

/** A rehearsal that may still be going on. */
interface Rehearsing {
  readonly steps: RehearsedSteps;
  /** Rejects when it could not be brought to its end. */
  readonly end: Promise<Rehearsal>;
  readonly abandon: () => void;
}

/** Begins to rehearse the history, unless what it does is known. */
async function begin(question: Question, live: LiveSettings, steps: readonly Step[]): Promise<Rehearsing> {
  const known = await kept(question, live, undefined, steps);
  if (known) return { steps: endedSteps(known), end: Promise.resolve(known), abandon: () => undefined };
  const abandoned = new AbortController();
  const told = new RehearsedSteps();
  const signal = AbortSignal.any([question.signal, abandoned.signal]);
  const programme = { fromCopy: false, settings: [], steps, told: (step: Rehearsed) => told.add(step) };
  const work = async (): Promise<Rehearsal> => {
    try {
      const made = await perform({ ...question, signal }, live, programme);
      await keep(question, live, { base: undefined, steps, made });
      return made;
    } finally {
      told.end();
    }
  };
  const end = work();
  // Who waits for the end hears of it.
  end.catch(() => undefined);
  return { steps: told, end, abandon: () => abandoned.abort() };
}

function endedSteps({ steps }: Rehearsal): RehearsedSteps {
  const ended = new RehearsedSteps(steps);
  ended.end();
  return ended;
}

/** The steps from `first` on. */
function foreseen({ steps, end, abandon }: Rehearsing, first: number): ForeseenSteps {
  const finish = async (): Promise<string | undefined> => {
    try {
      await end;
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  };
  return {
    known: (index) => steps.known(first + index),
    at: (index) => steps.at(first + index),
    finish,
    abandon: async () => {
      abandon();
      await finish();
    },
  };
}

/** Only a history that runs to its end says what should be there. */
async function driftOf(
  question: Question,
  settings: LiveSettings,
  history: Rehearsal,
): Promise<ObjectDifference[]> {
  const { applied, live } = question;
  if (applied.length === 0 || history.steps.length <= applied.length) return [];
  const { end } = await cached(question, settings, undefined, applied);
  return schemaDifference(end, live);
}

type Asked = Pick<Question, 'shadow' | 'connection' | 'database' | 'session' | 'signal'> & {
  readonly settings?: readonly Statement[];
};

/** A rehearsal from nothing, or from a copy of the live schema with the fingerprint `base`. */
async function cached(
  question: Asked,
  live: LiveSettings,
  base: string | undefined,
  steps: readonly Step[],
): Promise<Rehearsal> {
  const known = await kept(question, live, base, steps);
  if (known) return known;
  const settings = base === undefined ? [] : (question.settings ?? []);
  const made = await perform(question, live, { fromCopy: base !== undefined, settings, steps });
  await keep(question, live, { base, steps, made });
  return made;
}

async function kept(
  question: Asked,
  live: LiveSettings,
  base: string | undefined,
  steps: readonly Step[],
): Promise<Rehearsal | undefined> {
  const { cache } = question.shadow;
  return cache === undefined ? undefined : readRehearsal(cache, keyOf(question, live, { base, steps }));
}

async function keep(
  question: Asked,
  live: LiveSettings,
  { made, ...what }: { base: string | undefined; steps: readonly Step[]; made: Rehearsal },
): Promise<void> {
  const { cache } = question.shadow;
  if (cache !== undefined) await keepRehearsal(cache, keyOf(question, live, what), made);
}

function keyOf(
  question: Asked,
  live: LiveSettings,
  { base, steps }: { base: string | undefined; steps: readonly Step[] },
): string {
  const settings = base === undefined ? [] : (question.settings ?? []);
  const hashes = steps.map(({ file, statement }) => [file.version, statement.hash]);
  return cacheKey([live, question.session, base, settings.map(({ hash }) => hash), hashes]);
}

interface Programme {
  readonly fromCopy: boolean;
  /** Reads the whole schema after every statement. */
  readonly thorough?: true;
  readonly told?: (step: Rehearsed) => void;
  readonly settings: readonly Statement[];
  readonly steps: readonly Step[];
}

async function perform(asked: Asked, live: LiveSettings, programme: Programme): Promise<Rehearsal> {
  const { shadow: where, connection, database, session, signal } = asked;
  const { fromCopy, settings, steps, thorough = false, told } = programme;
  const objects = fromCopy ? await dumpSchema(connection, database) : [];
  await using shadow = await startShadow({ ...where, live, signal });
  if (objects.length > 0) {
    const loader = await shadow.connect();
    const [problem] = await loadSchema(loader, objects);
    if (problem !== undefined) throw new Error(`the live schema could not be copied: ${problem}`);
  }
  const stage = { shadow, database, session, signal };
  const made = await rehearse(stage, steps, { settings, thorough, ...(told ? { told } : {}) });
  if (made) return made;
  if (thorough) throw new Error('the schema of the shadow changes by itself');
  return await perform(asked, live, { fromCopy, settings, steps, thorough: true });
}

/** Why there can be no shadow for this server; none when there can. */
async function whyNone(
  { searchPath }: ShadowSettings,
  { version }: LiveSettings,
): Promise<string | undefined> {
  const program = findProgram('mariadbd', searchPath);
  if (program === undefined) return 'mariadbd is not installed beside the migrator';
  const installed = await installedVersion(program);
  if (installed !== undefined && seriesOf(installed) === seriesOf(version)) return undefined;
  return `the mariadbd beside the migrator is ${installed ?? 'of an unknown version'}, the live server ${version}`;
}
