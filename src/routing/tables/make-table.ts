/** The four owner tables by the names that they have in the file. */
import { defined } from '../../app/defined.ts';
import type { TableKind } from '../../app/model.ts';
import type { OwnerTable } from '../owner-table.ts';
import { maglevTable } from './maglev.ts';
import type { MakeTable, Member } from './member.ts';
import { rendezvousTable } from './rendezvous.ts';
import { ringTable } from './ring.ts';
import { steadyTable } from './steady.ts';

export const OWNER_TABLES = {
  steady: steadyTable,
  maglev: maglevTable,
  ring: ringTable,
  rendezvous: rendezvousTable,
} as const satisfies Readonly<Record<TableKind, MakeTable>>;

/** How a table was made. */
export const kindOf = ({ kind = 'steady' }: OwnerTable): TableKind => kind;

/** As `MakeTable`, of a kind that the table in force need not have: a change of the kind alone has an epoch too. */
export function makeTable(
  kind: TableKind,
  previous: OwnerTable | undefined,
  service: string,
  members: readonly Member[],
): OwnerTable {
  const made = OWNER_TABLES[kind](previous, service, members);
  if (made === previous && kindOf(previous) === kind) return previous;
  const epoch = (previous?.epoch ?? 0) + 1;
  const { owners, slots } = made;
  const weights = kind === 'rendezvous' ? made.weights : undefined;
  return {
    service,
    epoch,
    owners,
    slots,
    ...defined({ kind: kind === 'steady' ? undefined : kind, weights }),
  };
}
