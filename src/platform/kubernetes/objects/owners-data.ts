/** What the ConfigMap of a service's owners holds: the table, and what became of it of late. Pure. */
import { OperationError } from '../../../app/failure.ts';
import { encodeStored } from '../../../routing/hand-over/copied-table.ts';
import type { OwnerTable } from '../../../routing/owner-table.ts';
import { decodeStoredText, HISTORY_KEY, TABLE_KEY } from '../../../routing/published-structure.ts';
import { parseHistoryText, withChange, type TableChange } from '../../../routing/table-history.ts';

export interface NextTable extends Pick<TableChange, 'at' | 'reason'> {
  readonly table: OwnerTable;
  /** The form that it is stored in, for whoever has it already. */
  readonly stored?: object;
}

/** @param published what the ConfigMap holds now, if there is one */
export function ownersData(
  published: Readonly<Record<string, string>> | undefined,
  { table, stored, at, reason }: NextTable,
): Record<string, string> {
  const { [TABLE_KEY]: text, [HISTORY_KEY]: history } = published ?? {};
  const before = text === undefined ? undefined : readable(text);
  const changes = withChange(parseHistoryText(history), before, table, { at, reason });
  return {
    [TABLE_KEY]: JSON.stringify(stored ?? encodeStored(table)),
    [HISTORY_KEY]: JSON.stringify(changes),
  };
}

/** One that was damaged by hand is as good as none. */
function readable(text: string): OwnerTable | undefined {
  try {
    return decodeStoredText(text);
  } catch (error) {
    if (error instanceof OperationError) return undefined;
    throw error;
  }
}
