/** Where two values differ, as a list of paths. What may be a secret is never part of the answer. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { formatPath } from '../../../app/file-error.ts';
import { isMap } from '../../../app/raw-value.ts';

export interface Difference {
  readonly path: string;
  /** Absent: there is no such value. */
  readonly before?: string;
  readonly after?: string;
}

/** Whether the value at a path may be shown. */
export type MayShow = (path: readonly string[]) => boolean;

const LONGEST_VALUE = 200;
/** What may hold a password in the spec of an App. */
const SECRET_KEYS = new Set(['value', 'body', 'headers']);

/** Values that the user wrote for a variable, a URL or a request are not shown. */
export function mayShowOfSpec(path: readonly string[]): boolean {
  const [first = ''] = path;
  const isBelow = first === 'smoke' || first === 'database' || path[2] === 'env';
  return !isBelow || !path.some((key, index) => index > 0 && SECRET_KEYS.has(key));
}

export function differences(
  before: unknown,
  after: unknown,
  mayShow: MayShow,
  path: readonly string[] = [],
): Difference[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isMap(before) && !isMap(after)) return leaf(before, after, mayShow, path);
  const [old, now] = [asMap(before), asMap(after)];
  if (old === undefined || now === undefined) return leaf(before, after, mayShow, path);
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])].toSorted();
  return keys.flatMap((key) => differences(old[key], now[key], mayShow, [...path, key]));
}

/** A map that is not there differs from one that is by all that this one has. */
function asMap(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined) return {};
  return isMap(value) ? value : undefined;
}

function leaf(before: unknown, after: unknown, mayShow: MayShow, path: readonly string[]): Difference[] {
  const both = [before, after].every(Array.isArray);
  if (both) return ofLists(before as unknown[], after as unknown[], mayShow, path);
  const shown = (value: unknown): string => (mayShow(path) ? shortened(value) : '(not shown)');
  return [
    {
      path: formatPath(path),
      ...(before === undefined ? {} : { before: shown(before) }),
      ...(after === undefined ? {} : { after: shown(after) }),
    },
  ];
}

/** Named things are compared by name, others by place. */
function ofLists(
  before: readonly unknown[],
  after: readonly unknown[],
  mayShow: MayShow,
  path: readonly string[],
): Difference[] {
  return differences(byName(before), byName(after), mayShow, path);
}

function byName(list: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(list.map((item, index) => [nameOf(item) ?? String(index), item]));
}

function nameOf(item: unknown): string | undefined {
  return isMap(item) && typeof item['name'] === 'string' ? item['name'] : undefined;
}

function shortened(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE)}...`;
}
