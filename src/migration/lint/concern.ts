/** Which writes a change of the schema can concern, by the tables that a write was seen to change. Pure. */

import type { ObjectDifference, SchemaChange } from '../schema-difference.ts';
import type { Effect } from './effect.ts';

/** False only where the change lies beside all that the write changed, its triggers included. */
export function isConcerned(effect: Effect, changed: SchemaChange): boolean {
  if (changed.length === 0) return false;
  const written = new Set(effect.map(({ table }) => table));
  return changed.some((one) => {
    const tables = tablesOf(one);
    if (tables === 'any') return true;
    return tables.length > 0 && (written.size === 0 || tables.some((name) => written.has(name)));
  });
}

/** The tables whose writes a changed object can concern. */
function tablesOf({ object, expected, found }: ObjectDifference): readonly string[] | 'any' {
  const [kind = '', name = ''] = /^(\w+) (.*)$/s.exec(object)?.slice(1) ?? [];
  const definitions = `${expected ?? ''}\n${found ?? ''}`;
  switch (kind) {
    case 'table':
      // As the server writes it: a foreign key stands on a line of its own.
      return [
        name,
        ...[...definitions.matchAll(/ REFERENCES `((?:[^`]|``)+)`/g)].map(([, to]) => unquoted(to)),
      ];
    case 'trigger':
      return [...definitions.matchAll(/^EVENT_OBJECT_TABLE: (.*)$/gm)].map(([, table]) => table ?? '');
    case 'event':
      return [];
    default:
      // Nobody can depend on what was not there.
      return found === undefined ? [] : 'any';
  }
}

function unquoted(name: string | undefined): string {
  return (name ?? '').replaceAll('``', '`');
}
