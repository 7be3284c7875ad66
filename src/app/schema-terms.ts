/**
 * The terms in which the schema is written: each carries its `error`, the words that complete
 * "expected ..." whichever of its rules is broken.
 */
import { z } from 'zod';
import { DURATION_PATTERN, parseDuration, parseSize, SIZE_PATTERN } from './units.ts';

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
  const rule = { pattern: SIZE_PATTERN, parse: parseSize, least, most };
  return quantity(`a size from ${least} to ${most} such as ${initial}`, rule).prefault(initial);
}

type QuantitySchema = z.ZodPipe<z.ZodString, z.ZodTransform<number, string>>;

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
});

export const filePath = text('a path', { pattern: /./, longest: 4096 });
