/**
 * What a recorded statement does, and how it notices a change of the schema. Pure. Tolerated: further columns,
 * and another order of rows where none was asked for.
 */

import { comparableEffect, type Effect, type Row } from './effect.ts';

/** What a client makes of a column's values: values of different kinds are different to it. */
export type ValueKind = 'integer' | 'decimal' | 'float' | 'text' | 'binary' | 'date' | 'datetime' | 'time';

export interface ResultTable {
  /** By name; of several of one name the last counts, as for most clients. */
  readonly columns: ReadonlyMap<string, ValueKind>;
  readonly rows: readonly Row[];
}

export interface Done {
  readonly kind: 'done';
  /** Codes of warnings and notes. */
  readonly warnings: readonly number[];
  readonly results: readonly ResultTable[];
  /** Of a write: how many rows the server says it has changed. */
  readonly affected?: number;
  readonly effect: Effect;
}

export interface Refused {
  readonly kind: 'refused';
  /** The server's number of the error. */
  readonly code: number;
  readonly message: string;
}

export type Observation = Done | Refused;

/** How a statement notices a change. */
export interface Difference {
  readonly how: 'error' | 'rows' | 'effect' | 'warning';
  readonly code?: number;
  readonly detail: string;
  /** It only reads more rows: all that it has read before are there as they were. */
  readonly isMore?: boolean;
}

/** What of a statement can't be compared, because it is never twice the same. */
export interface Unstable {
  readonly columns: ReadonlySet<string>;
  readonly wholeResult: boolean;
  readonly wholeEffect: boolean;
}

/** What differs between two observations of one statement on the same schema. */
export function instability(one: Done, other: Done): Unstable {
  const columns = new Set<string>();
  const sizes = ({ results }: Done): string => JSON.stringify(results.map(({ rows }) => rows.length));
  const wholeResult = sizes(one) !== sizes(other);
  if (!wholeResult) {
    for (const [index, { rows }] of one.results.entries())
      for (const [at, row] of rows.entries())
        addDifferent(columns, row, other.results[index]?.rows[at] ?? {});
  }
  const wholeEffect = one.effect.length !== other.effect.length;
  if (!wholeEffect) {
    for (const [index, change] of one.effect.entries()) {
      const again = other.effect[index];
      const named = ({ table, key, cells }: typeof change): Row => prefixed(table, { ...key, ...cells });
      if (again) addDifferent(columns, named(change), named(again));
    }
  }
  return { columns, wholeResult, wholeEffect };
}

function prefixed(table: string, row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [`${table}.${column}`, value]));
}

function addDifferent(columns: Set<string>, one: Row, other: Row): void {
  for (const column of new Set([...Object.keys(one), ...Object.keys(other)]))
    if (one[column] !== other[column]) columns.add(column);
}

export interface Compared {
  /** Whether the statement asks for an order. */
  readonly isOrdered: boolean;
  readonly unstable: Unstable;
  /** Tables, and columns as `table.column`, that can still be looked at. */
  readonly readable: ReadonlySet<string>;
}

/** How the statement notices what lies between the two; none when it does not. */
export function difference(compared: Compared, before: Done, after: Observation): Difference | undefined {
  if (after.kind === 'refused') return { how: 'error', code: after.code, detail: after.message };
  return (
    resultDifference(compared, before, after) ??
    effectDifference(compared, before, after) ??
    warningDifference(before, after)
  );
}

function resultDifference(compared: Compared, before: Done, after: Done): Difference | undefined {
  for (const [index, was] of before.results.entries()) {
    const is = after.results[index];
    if (!is) return { how: 'rows', detail: 'returns no rows any more' };
    const columns = columnDifference(was, is);
    if (columns !== undefined) return { how: 'rows', detail: columns };
    const rows = compared.unstable.wholeResult ? undefined : rowDifference(compared, was, is);
    if (rows) return rows;
  }
  return undefined;
}

function columnDifference(was: ResultTable, is: ResultTable): string | undefined {
  for (const [name, kind] of was.columns) {
    const present = is.columns.get(name);
    if (present === undefined) return `the column ${name} is missing in its result`;
    if (present !== kind) return `the column ${name} of its result is ${present} instead of ${kind}`;
  }
  return undefined;
}

function rowDifference(
  { isOrdered, unstable }: Compared,
  was: ResultTable,
  is: ResultTable,
): Difference | undefined {
  const columns = [...was.columns.keys()].filter((name) => !unstable.columns.has(name));
  const texts = ({ rows }: ResultTable): string[] => {
    const all = rows.map((row) => JSON.stringify(columns.map((name) => row[name] ?? null)));
    return isOrdered ? all : all.toSorted();
  };
  const [old, present] = [texts(was), texts(is)];
  if (old.length === present.length && old.every((row, index) => row === present[index])) return undefined;
  return {
    how: 'rows',
    detail: describeRows(old, present),
    isMore: present.length > old.length && isSubsequence(old, present),
  };
}

function describeRows(old: readonly string[], present: readonly string[]): string {
  if (old.length !== present.length) return `returns ${present.length} rows instead of ${old.length}`;
  const isSameSet = old.toSorted().join('\n') === present.toSorted().join('\n');
  if (isSameSet) return 'returns the rows in another order';
  const at = old.findIndex((row, index) => row !== present[index]);
  return `returns ${present[at] ?? ''} instead of ${old[at] ?? ''}`;
}

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let found = 0;
  for (const text of whole) if (text === part[found]) found += 1;
  return found === part.length;
}

function effectDifference(
  { unstable, readable }: Compared,
  before: Done,
  after: Done,
): Difference | undefined {
  if (before.affected !== after.affected) {
    return {
      how: 'effect',
      detail: `changes ${after.affected ?? 0} rows instead of ${before.affected ?? 0}`,
    };
  }
  if (unstable.wholeEffect) return undefined;
  const counts = (column: string): boolean => readable.has(column) && !unstable.columns.has(column);
  const isReadable = ({ table }: Effect[number]): boolean => readable.has(table);
  const was = comparableEffect(before.effect.filter(isReadable), counts);
  const is = comparableEffect(after.effect.filter(isReadable), counts);
  const at = [...was, ...is].find((text) => was.includes(text) !== is.includes(text));
  if (at === undefined && was.length === is.length) return undefined;
  const missing = was.find((text) => !is.includes(text));
  const further = is.find((text) => !was.includes(text));
  return {
    how: 'effect',
    detail: `leaves ${further ?? 'nothing'} behind instead of ${missing ?? 'nothing'}`,
  };
}

function warningDifference(before: Done, after: Done): Difference | undefined {
  const code = after.warnings.find((warning) => !before.warnings.includes(warning));
  return code === undefined ? undefined : { how: 'warning', code, detail: `the server warns with ${code}` };
}
