/** Tables as a controller makes them, small and plain. */
import { deflateSync } from 'node:zlib';
import { SLOTS } from '../../../src/session/slot.ts';
import { NOBODY, type EncodedToldTable, type Member } from '../../../src/session/told-table.ts';

/** Incarnations. */
export interface TestRow {
  readonly owner: string | undefined;
  readonly second: string | undefined;
  readonly term: number;
  readonly ownerSince: number;
  readonly secondSince: number;
}

export interface TestTable {
  readonly epoch: number;
  readonly members: readonly Member[];
  readonly gone: readonly string[];
  readonly rows: readonly TestRow[];
}

export type TestSeat = Pick<TestRow, 'owner' | 'second'>;

const NONE: TestRow = { owner: undefined, second: undefined, term: 0, ownerSince: 0, secondSince: 0 };

/** The table before the first. */
export const NO_TABLE: TestTable = {
  epoch: 0,
  members: [],
  gone: [],
  rows: Array.from({ length: SLOTS }, () => NONE),
};

/** The next table; `seat` says who has a slot now. */
export function nextTable(
  before: TestTable,
  members: readonly Member[],
  change: { readonly gone?: readonly string[]; readonly seat: (slot: number, row: TestRow) => TestSeat },
): TestTable {
  const epoch = before.epoch + 1;
  const rows = before.rows.map((row, slot) => nextRow(row, change.seat(slot, row), epoch));
  return { epoch, members, gone: change.gone ?? [], rows };
}

/** A row after an epoch in which it is to be like this: what does not change keeps its term and sinces. */
export function nextRow(row: TestRow, { owner, second }: TestSeat, epoch: number): TestRow {
  if (row.owner === owner && row.second === second) return row;
  const since = (member: string | undefined): number => {
    if (member === undefined) return 0;
    if (member === row.owner) return row.ownerSince;
    return member === row.second ? row.secondSince : epoch;
  };
  return { owner, second, term: epoch, ownerSince: since(owner), secondSince: since(second) };
}

export function encoded({ epoch, members, gone, rows }: TestTable): EncodedToldTable {
  const indexes = new Map(members.map(({ incarnation }, at) => [incarnation, at]));
  const index = (member: string | undefined): number =>
    member === undefined ? NOBODY : (indexes.get(member) ?? NOBODY);
  const bytes = Buffer.alloc(SLOTS * 16);
  for (const [slot, row] of rows.entries()) {
    const at = slot * 16;
    bytes.writeUInt16LE(index(row.owner), at);
    bytes.writeUInt16LE(index(row.second), at + 2);
    bytes.writeUInt32LE(row.term, at + 4);
    bytes.writeUInt32LE(row.ownerSince, at + 8);
    bytes.writeUInt32LE(row.secondSince, at + 12);
  }
  return {
    service: 'notes',
    epoch,
    instances: Object.fromEntries(members.map(({ id, ...member }) => [id, member])),
    gone,
    slots: deflateSync(bytes).toString('base64'),
  };
}
