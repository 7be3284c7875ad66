/**
 * Where an object differs from what it should be. Only what is wanted is compared: the API server adds
 * defaults, and others may own keys of their own. Pure.
 */

/** Path of the first difference, such as `spec.replicas`; undefined when everything wanted is there. */
export function differenceOf(
  wanted: unknown,
  live: unknown,
  path: readonly string[] = [],
): string | undefined {
  if (wanted === undefined) return undefined;
  if (Array.isArray(wanted)) return differenceOfLists(wanted, live, path);
  if (isMap(wanted)) {
    if (!isMap(live)) return isEmpty(wanted) && live === undefined ? undefined : where(path);
    return first(Object.entries(wanted), ([key, value]) => differenceOf(value, live[key], [...path, key]));
  }
  return isSameValue(wanted, live) || isSameAmount(wanted, live, path) ? undefined : where(path);
}

/** Lists of named things are maps by name, as the API server sees them; others are compared in order. */
function differenceOfLists(
  wanted: readonly unknown[],
  live: unknown,
  path: readonly string[],
): string | undefined {
  if (!Array.isArray(live)) return wanted.length === 0 && live === undefined ? undefined : where(path);
  const list: readonly unknown[] = live;
  if (wanted.length > 0 && wanted.every((item) => nameOf(item) !== undefined)) {
    return first(wanted, (item) => {
      const name = nameOf(item) ?? '';
      return differenceOf(item, list.find((other) => nameOf(other) === name) ?? null, [...path, name]);
    });
  }
  if (list.length !== wanted.length) return where(path);
  return first([...wanted.entries()], ([index, item]) =>
    differenceOf(item, list[index], [...path, String(index)]),
  );
}

function first<T>(items: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isSameValue(wanted: unknown, live: unknown): boolean {
  if (wanted === live) return true;
  // An empty value and an absent one are the same to the API server.
  return wanted === '' && live === undefined;
}

/** The same amount may be written in several ways: `0.5` and `500m`, `1Gi` and `1024Mi`. */
function isSameAmount(wanted: unknown, live: unknown, path: readonly string[]): boolean {
  return path.includes('resources') && quantity(wanted) !== undefined && quantity(wanted) === quantity(live);
}

const FACTORS: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** An amount in Kubernetes' notation as a number: `1Gi`, `500m`. */
export function quantity(value: unknown): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(String(value)) ?? [];
  const factor = FACTORS[unit];
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}

function nameOf(item: unknown): string | undefined {
  return isMap(item) && typeof item['name'] === 'string' ? item['name'] : undefined;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(map: object): boolean {
  return Object.keys(map).length === 0;
}

function where(path: readonly string[]): string {
  return path.join('.');
}
