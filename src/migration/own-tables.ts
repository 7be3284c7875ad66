/** The tables that the migrator keeps in the application's database for itself. */

/** What has been applied; see journal.ts. */
export const journalTable = 'holdfast_migration';

/** Who may migrate; see lease.ts. */
export const leaseTable = 'holdfast_migration_lease';

/** A name as SQL has it. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
