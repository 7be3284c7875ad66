/** The schema of `holdfast.yaml` for editors and other tools. */
import { z } from 'zod';
import { keysOf, valueAt } from './raw-value.ts';
import { appFileSchema } from './schema.ts';

/**
 * JSON Schema draft-07 of what a user may write. It is a little more lenient than parsing: it knows no
 * bounds of durations and sizes, no reserved names, and not what keys must agree on.
 */
export function appJsonSchema(): object {
  return z.toJSONSchema(appFileSchema, { target: 'draft-07', io: 'input' });
}

/** The keys that may stand in the map at `path`; none where the user chooses the names. */
export function knownKeys(path: readonly string[]): readonly string[] {
  let schema: unknown = appJsonSchema();
  for (const key of path) {
    schema =
      valueAt(schema, 'properties', key) ??
      valueAt(schema, 'additionalProperties') ??
      valueAt(schema, 'items');
  }
  return keysOf(valueAt(schema, 'properties'));
}
