/**
 * The terms in which the schema is written: each carries its `error`, the words that complete
 * "expected ..." whichever of its rules is broken.
 */
import { z } from 'zod';
import {
  CPU_PATTERN,
  DURATION_PATTERN,
  parseCpu,
  parseDuration,
  parsePercent,
  parseSize,
  PERCENT_PATTERN,
  SIZE_PATTERN,
} from './units.ts';

/** Linux takes at most 128 KiB for one variable of a process, its name included. */
const LONGEST_VARIABLE = 100_000;

/** A map with just these keys; `keys` names the most important ones. */
export function group<Shape extends z.core.$ZodLooseShape>(
  keys: string,
  shape: Shape,
): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, { error: `a map with ${keys}` });
}

/** Text in which `pattern` is found, of at most `longest` UTF-16 units, and fit for a process's environment. */
export function text(error: string, rule: { pattern?: RegExp; longest?: number }): z.ZodString {
  const bounded = z
    .string({ error })
    .max(rule.longest ?? LONGEST_VARIABLE, { error })
    .refine((text) => !text.includes('\0'), { error });
  return rule.pattern === undefined ? bounded : bounded.regex(rule.pattern, { error });
}

/** How many entries a map may have; a cluster bounds the cost of its checks by it. */
export const MOST_ENTRIES = 200;

/** A map from names to values with at least `least` entries. */
export function mapOf<Value extends z.ZodType>(
  names: z.ZodString,
  values: Value,
  words: { readonly error: string; readonly least?: number; readonly tooFew?: string },
): z.ZodRecord<z.ZodString, Value> {
  const { error, least = 0, tooFew = error } = words;
  return z
    .record(names, values, { error })
    .refine((map) => Object.keys(map).length >= least, { error: tooFew })
    .refine((map) => Object.keys(map).length <= MOST_ENTRIES, { error: `at most ${MOST_ENTRIES} entries` })
    .meta({ ...(least === 0 ? {} : { minProperties: least }), maxProperties: MOST_ENTRIES });
}

/** A whole number within bounds. */
export function wholeNumber(least: number, most: number, of = ''): z.ZodInt {
  const error = `a whole number${of === '' ? '' : ` of ${of}`} from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** A duration, in ms once parsed; the bounds and the initial value are written as in the file. */
export function duration(least: string, most: string, initial: string): z.ZodPrefault<QuantitySchema> {
  const rule = { pattern: DURATION_PATTERN, parse: parseDuration, least, most };
  return quantity(`a duration from ${least} to ${most} such as ${initial}`, rule).prefault(initial);
}

/** A size, in bytes once parsed; the bounds and the initial value are written as in the file. */
export function size(least: string, most: string, initial: string): z.ZodPrefault<QuantitySchema> {
  return sizeWithin(least, most, initial).prefault(initial);
}

/** A size as in `size`, without an initial value. */
export function sizeWithin(least: string, most: string, example: string): QuantitySchema {
  const rule = { pattern: SIZE_PATTERN, parse: parseSize, least, most };
  return quantity(`a size from ${least} to ${most} such as ${example}`, rule);
}

/** An amount of CPU, in thousandths of a core once parsed. */
export function cpuAmount(least: string, most: string): QuantitySchema {
  const rule = { pattern: CPU_PATTERN, parse: parseCpu, least, most };
  return quantity(`an amount of CPU from ${least} to ${most} such as 250m, or "1" with quotes`, rule);
}

/** A whole percentage, a number once parsed. */
export function percent(example: string): QuantitySchema {
  const rule = { pattern: PERCENT_PATTERN, parse: parsePercent, least: '1%', most: '100%' };
  return quantity(`a percentage from 1% to 100% such as ${example}`, rule);
}

export type QuantitySchema = z.ZodPipe<z.ZodString, z.ZodTransform<number, string>>;

function quantity(
  error: string,
  rule: { pattern: RegExp; parse: (text: string) => number; least: string; most: string },
): QuantitySchema {
  const isWithin = (text: string): boolean =>
    rule.parse(text) >= rule.parse(rule.least) && rule.parse(text) <= rule.parse(rule.most);
  return z
    .string({ error })
    .regex(rule.pattern, { error })
    .refine(isWithin, { error })
    .transform((text) => rule.parse(text));
}

/** The first character is a letter because a Kubernetes Service needs that (RFC 1035 label). */
export const label = text('a name of at most 40 lower-case letters, digits and -, beginning with a letter', {
  pattern: /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
  longest: 40,
});

/** As POSIX shells know them. */
export const variableName = text('a variable name: letters, digits and _', {
  pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
  longest: 250,
});

/** As Kubernetes names most objects (RFC 1123 subdomain). */
export function objectName(error: string): z.ZodString {
  return text(error, { pattern: /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, longest: 253 });
}

export const imageName = text('the name of an image such as registry.example/shop/web:1.4.0', {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/,
  longest: 500,
});

// No control character and no space: it is sent in a request line.
export const httpPath = text('a path that begins with /', { pattern: /^\/[!-~]*$/, longest: 1000 });

export const headerName = text('the name of a request header', {
  pattern: /^[A-Za-z][A-Za-z0-9-]*$/,
  longest: 100,
});

/** The name of a cookie or of a parameter in a URL, which stands in the router's expressions. */
export function plainName(of: string): z.ZodString {
  return text(`the name of a ${of}: letters, digits, -, _ and .`, {
    pattern: /^[A-Za-z0-9._-]+$/,
    longest: 100,
  });
}

export const filePath = text('a path', { pattern: /./, longest: 4096 });
