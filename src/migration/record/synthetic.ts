/**
 * Made-up values in place of those that an application sends. Pure. What comes out is chosen from a few fixed
 * values by the kind of what goes in: nothing of a value but its kind, and how long it is to a power of two, is
 * in what stands for it. Only words that the schema itself has (members of ENUM and SET) stay.
 */

import { literal } from '../lint/execute-text.ts';
import type { Parameter } from '../lint/recording.ts';

/** What stands for a value: as a parameter, and where the server takes none, as SQL. */
export interface Synthetic {
  readonly parameter: Parameter;
  readonly inline: string;
}

/** The words of the schema that may stand for themselves, by what they are in lower case. */
export type SchemaWords = ReadonlyMap<string, string>;

/** From here on a text is a long one, in characters; and longer ones are made no longer than the second. */
const longText = 256;
const longestText = 4_096;
const longestBlob = 1_024;

const date = /^\d{4}-\d\d?-\d\d?$/;
const dateTime = /^\d{4}-\d\d?-\d\d?[ T]\d\d?:\d\d(?::\d\d)?(?<fraction>\.\d+)?(?<zone>Z|[+-]\d\d:?\d\d)?$/;
const time = /^-?\d{1,3}:\d\d(?::\d\d(?:\.\d+)?)?$/;
const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const decimalText = /^-?\d+\.(?<fraction>\d+)$/;
const jsonPath = /^\$(?:$|[.[])/;

/** For a text, as it was sent. */
export function syntheticText(text: string, words: SchemaWords): Synthetic {
  return (
    timeLike(text) ??
    numberLike(text) ??
    documentLike(text) ??
    of('varchar', schemaText(text, words) ?? plainText(text))
  );
}

/** For a number as it is written in SQL, without a sign. */
export function syntheticNumber(text: string): Synthetic {
  if (/^\d+$/.test(text)) return integer(text);
  const fraction = /^\d*\.(?<fraction>\d*)$/.exec(text)?.groups?.['fraction'];
  return fraction === undefined ? of('double', '1e0') : of('decimal', decimal(fraction));
}

/** For a number of rows that is asked for: none, one or several. */
export function syntheticRowCount(text: string): Synthetic {
  return of('int', Number(text) > 1 ? severalRows : Number(text));
}

const severalRows = 10;

/** For bytes. */
export function syntheticBytes(length: number): Synthetic {
  return of('blob', '61'.repeat(lengthClass(Math.min(length, longestBlob))));
}

/** For a value that the server's log does not show; that it is not known is told to whoever replays it. */
export const unseen: Synthetic = of('unknown', null);

function timeLike(text: string): Synthetic | undefined {
  if (date.test(text)) return of('date', '2020-01-20');
  if (time.test(text)) return of('time', '03:14:08');
  const moment = dateTime.exec(text)?.groups;
  if (!moment) return undefined;
  const fraction = moment['fraction'] === undefined ? '' : '.123456'.slice(0, moment['fraction'].length);
  if (moment['zone'] === undefined) return of('datetime', `2020-01-20 03:14:08${fraction}`);
  return of('varchar', `2020-01-20T03:14:08${fraction}${moment['zone'] === 'Z' ? 'Z' : '+00:00'}`);
}

function numberLike(text: string): Synthetic | undefined {
  if (/^-?\d+$/.test(text)) return of('varchar', '1'.repeat(lengthClass(text.length)));
  const fraction = decimalText.exec(text)?.groups?.['fraction'];
  return fraction === undefined ? undefined : of('decimal', decimal(fraction));
}

function documentLike(text: string): Synthetic | undefined {
  if (uuid.test(text)) return of('varchar', '00000000-0000-4000-8000-000000000001');
  if (jsonPath.test(text)) return of('varchar', '$.x');
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return of('json', Array.isArray(parsed) ? '[]' : '{}');
  } catch {
    // It only begins like JSON.
    return undefined;
  }
}

/** A member of an ENUM or several of a SET, as the schema writes them. */
function schemaText(text: string, words: SchemaWords): string | undefined {
  const members = text.split(',').map((member) => words.get(member.toLowerCase()));
  return members.includes(undefined) ? undefined : members.join(',');
}

/** What a search with LIKE begins and ends with stays. */
function plainText(text: string): string {
  if (text === '') return '';
  const [first, last] = [text.startsWith('%') ? '%' : '', text.length > 1 && text.endsWith('%') ? '%' : ''];
  const rest = text.length - first.length - last.length;
  return rest === 0 ? `${first}${last}` : `${first}${'x'.repeat(lengthClass(rest))}${last}`;
}

/** The largest power of two that is not larger. */
function lengthClass(length: number): number {
  return length <= 0 ? 0 : 2 ** Math.floor(Math.log2(Math.min(length, longestText)));
}

/** 0 stays: it says "none" more often than "so many". */
function integer(text: string): Synthetic {
  return of(text.length < 10 ? 'int' : 'bigint', /^0+$/.test(text) ? 0 : 1);
}

function decimal(fraction: string): string {
  return fraction === '' ? '1' : `1.${'1'.padEnd(Math.min(fraction.length, 30), '0')}`;
}

function of(type: Parameter['type'], value: Parameter['value']): Synthetic {
  const isLong = type === 'varchar' && String(value).length >= longText;
  const parameter: Parameter = { type: isLong ? 'text' : type, value };
  return { parameter, inline: literal(parameter) };
}
