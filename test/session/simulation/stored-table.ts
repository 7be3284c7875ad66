/** The table as controllers store it, by compare-and-swap: who owns what, and since when. */
import { NOBODY, type Member, type ToldTable } from '../../../src/session/told-table.ts';
import { nextRow, type TestRow as Row, type TestSeat as Assignment } from '../support/table.ts';

export interface StoredTable {
  readonly epoch: number;
  readonly members: readonly Member[];
  readonly gone: ReadonlySet<string>;
  readonly rows: readonly Row[];
}

/** What the next table is to change. */
export interface Edit {
  readonly rows: ReadonlyMap<number, Assignment>;
  readonly members: readonly Member[];
  readonly gone: ReadonlySet<string>;
}

export class TableStore {
  current: StoredTable;

  constructor(slots: number) {
    const row = { owner: undefined, second: undefined, term: 0, ownerSince: 0, secondSince: 0 };
    this.current = { epoch: 0, members: [], gone: new Set(), rows: Array.from({ length: slots }, () => row) };
  }

  /** Publishes the table after `epoch`; false when there is one already. */
  publish(epoch: number, edit: Edit): boolean {
    if (this.current.epoch !== epoch) return false;
    const next = epoch + 1;
    const rows = this.current.rows.map((row, slot) => {
      const wanted = edit.rows.get(slot);
      return wanted === undefined ? row : nextRow(row, wanted, next);
    });
    this.current = { epoch: next, members: edit.members, gone: edit.gone, rows };
    return true;
  }
}

export function toldTable({ epoch, members, gone, rows }: StoredTable): ToldTable {
  const index = (incarnation: string | undefined): number => {
    const at = members.findIndex((member) => member.incarnation === incarnation);
    return at === -1 ? NOBODY : at;
  };
  return {
    service: 'login',
    epoch,
    members,
    gone,
    owners: Uint16Array.from(rows, ({ owner }) => index(owner)),
    seconds: Uint16Array.from(rows, ({ second }) => index(second)),
    terms: Uint32Array.from(rows, ({ term }) => term),
    ownerSince: Uint32Array.from(rows, ({ ownerSince }) => ownerSince),
    secondSince: Uint32Array.from(rows, ({ secondSince }) => secondSince),
  };
}
