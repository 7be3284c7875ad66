/**
 * Values with which a recorded statement tells something before a migration, where those of the recording don't:
 * made-up ones may be there already, find nothing or mean nothing to the schema, and of some not even the type was
 * seen. Tried are likely ones, and those that are in the tables of the shadow.
 */

import type { TableRows } from './effect.ts';
import type { Observation } from './observation.ts';
import type { Parameter, RecordedStatement } from './recording.ts';
import { replay, type Replay } from './replay.ts';
import { tryVariations } from './try-variations.ts';
import { variations } from './variation.ts';

/**
 * The statement with the first values that find or change rows, or else with the first that the server takes
 * without a warning; as it was sent where that is no worse.
 */
export async function settleValues(
  place: Replay,
  sent: RecordedStatement,
  asSent: Observation,
): Promise<RecordedStatement> {
  if (asSent.kind === 'done' && !hasUnknown(sent)) {
    if (isTelling(asSent)) return sent;
    return (await firstTelling(place, sent, presentParameters(sent.parameters, place.rows))) ?? sent;
  }
  const taken = await accepted(place, sent, otherParameters(sent.parameters));
  const [first] = taken;
  if (!first) return sent;
  const usable = { ...sent, parameters: [...first] };
  const present = presentParameters(first, place.rows);
  return (await firstTelling(place, sent, [...taken, ...present])) ?? usable;
}

function hasUnknown({ parameters }: RecordedStatement): boolean {
  return parameters.some(isUnseen);
}

function isUnseen({ type, value }: Parameter): boolean {
  return type === 'unknown' && value === null;
}

/** Whether it finds or changes anything. */
function isTelling({ affected = 0, effect, results }: Extract<Observation, { kind: 'done' }>): boolean {
  return affected > 0 || effect.length > 0 || results.some(({ rows }) => rows.length > 0);
}

async function accepted(
  { connection }: Replay,
  recorded: RecordedStatement,
  candidates: readonly (readonly Parameter[])[],
): Promise<(readonly Parameter[])[]> {
  const tried = await tryVariations(
    connection,
    recorded,
    candidates.map((parameters) => [parameters]),
  );
  return candidates.filter((_, index) => tried[index]?.isRefused === false);
}

async function firstTelling(
  place: Replay,
  recorded: RecordedStatement,
  candidates: readonly (readonly Parameter[])[],
): Promise<RecordedStatement | undefined> {
  for (const parameters of candidates.slice(0, mostCandidates)) {
    const candidate = { ...recorded, parameters: [...parameters] };
    // What it leaves behind in tables is told by the count of changed rows.
    const observed = await replay({ ...place, tables: [], rows: [] }, candidate);
    if (observed.kind === 'done' && observed.warnings.length === 0 && isTelling(observed)) return candidate;
  }
  return undefined;
}

const mostCandidates = 200;

/** The same with one value at a time that is in the tables, a number for a number, a text for a text; pure. */
export function presentParameters(
  parameters: readonly Parameter[],
  rows: TableRows,
): (readonly Parameter[])[] {
  const present = [...new Set(rows.flat().flatMap((row) => Object.values(row)))];
  const numbers = present.filter((value) => value !== null && /^\d{1,9}$/.test(value));
  const texts = present.filter((value) => value !== null && value.length < longText && /\D/.test(value));
  return parameters.flatMap((parameter, at) =>
    valuesFor(parameter, { numbers, texts }).map((value) => parameters.with(at, { ...parameter, value })),
  );
}

const longText = 65;
const mostNumbers = 20;
const mostTexts = 60;

function valuesFor(
  { type }: Parameter,
  { numbers, texts }: Readonly<Record<'numbers' | 'texts', readonly (string | null)[]>>,
): readonly (string | null)[] {
  if (type === 'int' || type === 'bigint') return numbers.slice(0, mostNumbers);
  if (type === 'unknown') return [...numbers.slice(0, mostNumbers), ...texts.slice(0, mostTexts)];
  return type === 'varchar' || type === 'text' ? texts.slice(0, mostTexts) : [];
}

/** What else might be sent; pure. */
export function otherParameters(parameters: readonly Parameter[]): (readonly Parameter[])[] {
  const guessed = guesses(parameters);
  if (guessed.length > 1) return guessed;
  return variations(parameters).flatMap((variation) => (variation.length === 1 ? variation : []));
}

/** Taken by almost every type, the likelier first. A text in digits is a number too, where it has to be. */
const likely: readonly Parameter[] = [
  { type: 'unknown', value: '1' },
  { type: 'unknown', value: '2' },
  { type: 'int', value: 1 },
  { type: 'unknown', value: '2020-01-20' },
];
/** With more unknown values than this only one at a time is guessed otherwise than the rest. */
const mostTogether = 4;

function guesses(parameters: readonly Parameter[]): (readonly Parameter[])[] {
  const unknown = parameters.flatMap((parameter, index) => (isUnseen(parameter) ? [index] : []));
  const choices =
    unknown.length <= mostTogether ? combinations(unknown.length) : singleExceptions(unknown.length);
  return choices.map((choice) =>
    parameters.map((parameter, index) => choice[unknown.indexOf(index)] ?? parameter),
  );
}

function combinations(count: number): (readonly Parameter[])[] {
  if (count === 0) return [[]];
  return combinations(count - 1).flatMap((rest) => likely.map((one) => [...rest, one]));
}

function singleExceptions(count: number): (readonly Parameter[])[] {
  const places = Array.from({ length: count }, (_, index) => index);
  return likely.flatMap((usual) => {
    const all = places.map(() => usual);
    return [all, ...places.flatMap((at) => likely.map((one) => all.with(at, one)))];
  });
}
