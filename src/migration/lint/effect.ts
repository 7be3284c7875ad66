/**
 * What a write has done, found by comparing all rows before and after it. Pure. Rows are looked at through the
 * names of tables and columns that the running version knows, whatever stands behind them now.
 */

/** Every value as the server writes it. */
export type Row = Readonly<Record<string, string | null>>;

/** A table as the running version knows it. */
export interface KnownTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** Of its primary key; empty when it has none. */
  readonly key: readonly string[];
}

/** The rows of each table, in the order of the tables. */
export type TableRows = readonly (readonly Row[])[];

export interface RowChange {
  readonly table: string;
  readonly action: 'insert' | 'update' | 'delete';
  readonly key: Row;
  /** All values of a new row; of a changed one those that are new. */
  readonly cells: Row;
}

export type Effect = readonly RowChange[];

/** What has happened from `before` to `after`. */
export function effectOf(tables: readonly KnownTable[], before: TableRows, after: TableRows): Effect {
  return tables.flatMap((table, index) => tableEffect(table, before[index] ?? [], after[index] ?? []));
}

function tableEffect(table: KnownTable, before: readonly Row[], after: readonly Row[]): RowChange[] {
  const old = byKey(table, before);
  const present = byKey(table, after);
  const changes: RowChange[] = [];
  for (const [id, row] of present) {
    const was = old.get(id);
    const cells = Object.entries(row).filter(([column, value]) => was?.[column] !== value);
    if (cells.length === 0 && was) continue;
    const action = was ? 'update' : 'insert';
    changes.push({ table: table.name, action, key: keyOf(table, row), cells: Object.fromEntries(cells) });
  }
  for (const [id, row] of old) {
    if (present.has(id)) continue;
    // Without a key the whole row says which it is.
    const cells = table.key.length === 0 ? row : {};
    changes.push({ table: table.name, action: 'delete', key: keyOf(table, row), cells });
  }
  return changes;
}

function keyOf({ key }: KnownTable, row: Row): Row {
  return Object.fromEntries(key.map((column) => [column, row[column] ?? null]));
}

/** Rows under a text that tells them apart; rows that are the same in it are counted. */
function byKey(table: KnownTable, rows: readonly Row[]): Map<string, Row> {
  const found = new Map<string, Row>();
  const counts = new Map<string, number>();
  for (const row of rows) {
    const id = JSON.stringify(table.key.length === 0 ? row : keyOf(table, row));
    const count = counts.get(id) ?? 0;
    counts.set(id, count + 1);
    found.set(`${id} ${count}`, row);
  }
  return found;
}

/** Each change as a text, in an order of its own, without the columns that don't count. */
export function comparableEffect(effect: Effect, counts: (column: string) => boolean): string[] {
  const kept = (table: string, row: Row): Row =>
    Object.fromEntries(Object.entries(row).filter(([column]) => counts(`${table}.${column}`)));
  return effect
    .map(({ table, action, key, cells }) =>
      JSON.stringify([table, action, sorted(kept(table, key)), sorted(kept(table, cells))]),
    )
    .toSorted();
}

function sorted(row: Row): (readonly [string, string | null])[] {
  return Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
