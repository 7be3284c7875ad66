/** Where two schemas differ, object by object. Pure. */

import type { Schema } from './fingerprint.ts';
import { lineDifference } from './line-difference.ts';

export interface ObjectDifference {
  /** Such as `table member`. */
  readonly object: string;
  /** What defines it where it is expected; none when it should not be there. */
  readonly expected?: string;
  /** What defines it where it was found; none when it is not there. */
  readonly found?: string;
}

/** What one statement changes: `expected` is how an object is after it, `found` how it was before. */
export type SchemaChange = readonly ObjectDifference[];

/** Every object that is not the same in both, by name. */
export function schemaDifference(expected: Schema, found: Schema): ObjectDifference[] {
  const names = [...new Set([...expected.keys(), ...found.keys()])].toSorted();
  return names
    .map((object) => difference(object, expected.get(object), found.get(object)))
    .filter(({ expected, found }) => expected !== found);
}

/** The differences as lines for people: `-` is expected, `+` was found. */
export function describeDifference(differences: readonly ObjectDifference[]): string[] {
  return differences.flatMap(({ object, expected, found }) => {
    if (found === undefined) return [`${object}: is missing`];
    if (expected === undefined) return [`${object}: is not expected`];
    return [`${object}: differs`, ...lineDifference(expected, found).map((line) => `  ${line}`)];
  });
}

/** What a statement does, as lines for people: `-` was, `+` will be. */
export function describeChange(change: SchemaChange): string[] {
  return change.flatMap(({ object, expected: after, found: before }) => {
    if (before === undefined) return [`${object}: is made`];
    if (after === undefined) return [`${object}: is dropped`];
    return [`${object}: is changed`, ...lineDifference(before, after).map((line) => `  ${line}`)];
  });
}

/** One object's difference, without the side that has no such object. */
export function difference(
  object: string,
  expected: string | undefined,
  found: string | undefined,
): ObjectDifference {
  return {
    object,
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
  };
}
