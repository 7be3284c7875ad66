/**
 * Careful access to the plain data of a file that may be wrong anywhere. Nothing here throws, and only
 * own properties count, so that a service may be called `constructor`.
 */

/** The entries of a map; none for anything else. */
export function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return isMap(value) ? Object.entries(value) : [];
}

/** The names in a map; none for anything else. */
export function keysOf(value: unknown): readonly string[] {
  return entriesOf(value).map(([key]) => key);
}

/** What stands at the end of `path`, in which a place in a list is a number; undefined if nothing does. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    current = Array.isArray(current) ? current[indexOf(key)] : ownValue(current, key);
  }
  return current;
}

function ownValue(value: unknown, key: string): unknown {
  return isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** The place in a list that `key` names; -1 if it names none. */
export function indexOf(key: string): number {
  return /^\d+$/.test(key) ? Number(key) : -1;
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Completes "found ...". With `hidden`, a text or number is not shown: it may be a secret. */
export function describeFound(value: unknown, hidden: boolean): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (isMap(value)) return describeMap(keysOf(value));
  if (hidden) return typeof value === 'string' ? 'text' : `a ${typeof value}`;
  return typeof value === 'string' ? quoted(value) : `the ${typeof value} ${JSON.stringify(value)}`;
}

function describeMap(keys: readonly string[]): string {
  if (keys.length === 0) return 'an empty map';
  const shown = keys.slice(0, 5).map((key) => (/^\w+$/.test(key) ? key : quoted(key)));
  return `a map with ${shown.join(', ')}${keys.length > shown.length ? ', ...' : ''}`;
}

function quoted(text: string): string {
  return JSON.stringify(text.length <= 60 ? text : `${text.slice(0, 57)}...`);
}
