/**
 * Other values that a running version might send in place of the recorded ones. Pure. A recording has a few
 * values; which of all others a change refuses is found by trying those at which types and limits end.
 * The ends of the largest types are left out: nobody's amounts lie there, and sums overflow.
 */

import type { Parameter } from './recording.ts';

/** A recorded statement with other values: sent once, or after others in the same transaction. */
export type Variation = readonly (readonly Parameter[])[];

/** Every variation of the parameters that is worth trying, each at most once. */
export function variations(parameters: readonly Parameter[]): Variation[] {
  const found: Variation[] = [[parameters, parameters]];
  for (const [at, parameter] of parameters.entries()) {
    const sent = (value: Parameter['value']): readonly Parameter[] =>
      parameters.with(at, { ...parameter, value });
    for (const value of otherValues(parameter)) found.push([sent(value)]);
    // After the recorded values: a unique index may be over what is the same in both.
    for (const value of neighbours(parameter)) found.push([parameters, sent(value)]);
    for (const [one, other] of alikeValues(parameter)) found.push([sent(one), sent(other)]);
  }
  return found;
}

/** A few values that are accepted almost everywhere. */
function neighbours({ type, value }: Parameter): Parameter['value'][] {
  switch (type) {
    case 'int':
    case 'bigint':
    case 'decimal':
    case 'double':
      return ['1', '2', String(Number(value ?? 0) + 1)];
    case 'unknown':
      return ['1', '2', 'x'];
    case 'varchar':
    case 'text':
      return ['x', `${String(value ?? '')}x`];
    case 'json':
    case 'blob':
    case 'time':
      return [];
    case 'date':
    case 'datetime':
      return ['2020-01-20'];
  }
}

function otherValues({ type, value }: Parameter): Parameter['value'][] {
  switch (type) {
    case 'int':
    case 'bigint':
      return [...integers, null];
    case 'decimal':
    case 'double':
      return [...decimals, null];
    case 'varchar':
    case 'text':
      return [...texts(String(value ?? '')), null];
    case 'json':
      return ['{}', '[]', '"text"', 'null', null];
    case 'blob':
      return ['', 'ff00', 'ab'.repeat(300), null];
    case 'date':
      return [...years.map((year) => `${year}-01-20`), null];
    case 'datetime':
      return [...years.map((year) => `${year}-01-20 03:14:08.123456`), null];
    case 'time':
      return ['00:00:00', '23:59:59.999999', '-01:00:00', '800:00:00', null];
    case 'unknown':
      return [...integers, ...decimals, ...texts(String(value ?? '')), '2030-01-20', null];
  }
}

/** Around powers of two and of ten. */
const integers: readonly string[] = [
  ...[7, 8, 15, 16, 23, 24, 31, 32].flatMap((bits) => [2n ** BigInt(bits) - 1n, 2n ** BigInt(bits)]),
  ...[2, 3, 4, 5, 6, 7, 8, 10, 12, 15].flatMap((digits) => [
    10n ** BigInt(digits),
    10n ** BigInt(digits) + 1n,
  ]),
  -1000n,
  -1n,
  0n,
  1n,
  2n,
  3n,
].map(String);

const decimals: readonly string[] = [
  ...[1, 2, 3, 4, 6, 8, 10].flatMap((digits) => [
    `${10n ** BigInt(digits)}`,
    `${10n ** BigInt(digits)}.015625`,
  ]),
  '0',
  '-1',
  '0.5',
  '0.25',
  '0.0625',
  '0.000001',
];

const lengths = [10, 16, 20, 30, 32, 36, 40, 50, 64, 80, 100, 120, 128, 200, 254, 255, 256, 500, 512, 1_000];
const longTexts = [4_000, 16_384, 70_000];
const letters = ['ß', 'é', 'Ω', 'Ж', '日本', '😀'];

function texts(recorded: string): string[] {
  const long = [...lengths, ...longTexts].map((length) => 'x'.repeat(length));
  return ['', 'x', ...long, ...letters, ...letters.map((letter) => `${recorded}${letter}`)];
}

const years = ['1970', '2000', '2020', '2025', '2030', '2040', '2100', '9999'] as const;

/** What some collations take for equal and others don't. */
const alike = [
  ['ss', 'ß'],
  ['e', 'é'],
  ['a', 'A'],
  ['o', 'ø'],
  ['x', 'x '],
] as const;

function alikeValues({ type, value }: Parameter): (readonly [string, string])[] {
  if (type !== 'varchar' && type !== 'text' && type !== 'unknown') return [];
  const recorded = String(value ?? '');
  return alike.map(([one, other]) => [`${recorded}${one}`, `${recorded}${other}`]);
}
