/**
 * Server-side apply as far as Holdfast depends on it: what is given is set, what was applied before and is
 * no longer given is removed, everything else stays. Lists of named things are maps by name, other lists are
 * replaced. Pure.
 */

type Tree = Readonly<Record<string, unknown>>;

/** @param applied what the same manager applied last; undefined when it has applied nothing yet */
export function applied(live: unknown, next: unknown, before: unknown): unknown {
  if (isTree(next)) return appliedTree(isTree(live) ? live : {}, next, isTree(before) ? before : {});
  if (!isNamedList(next)) return next;
  const [liveItems, beforeItems] = [itemsByName(live), itemsByName(before)];
  const nextItems = itemsByName(next);
  const kept = [...liveItems].filter(([name]) => !nextItems.has(name) && !beforeItems.has(name));
  const given = [...nextItems].map(([name, item]) =>
    applied(liveItems.get(name), item, beforeItems.get(name)),
  );
  return [...given, ...kept.map(([, item]) => item)];
}

function appliedTree(live: Tree, next: Tree, before: Tree): Tree {
  const kept = Object.entries(live).filter(([key]) => key in next || !(key in before));
  const given = Object.entries(next).map(
    ([key, value]) => [key, applied(live[key], value, before[key])] as const,
  );
  return { ...Object.fromEntries(kept), ...Object.fromEntries(given) };
}

function itemsByName(list: unknown): Map<string, unknown> {
  return new Map(isNamedList(list) ? list.map((item) => [item.name, item] as const) : []);
}

function isNamedList(value: unknown): value is readonly { readonly name: string }[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => isTree(item) && typeof item['name'] === 'string')
  );
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
