/** Whether another tool's history stands in the way of a first run: its files would be run a second time. Only reads. */

import type { Connection } from 'mysql2/promise';
import type { JournalRow } from '../journal-row.ts';
import type { Site } from '../look.ts';
import { MigrationRefused } from '../migration-failure.ts';
import type { MigrationSet } from '../migration-set.ts';
import type { ForeignHistory } from './foreign-history.ts';
import {
  findForeignTables,
  readFlywayChecksums,
  readForeignHistory,
  type ForeignTable,
} from './read-foreign-history.ts';
import { takeOver } from './take-over.ts';

/** A history and what it is compared with. */
export interface FoundHistory {
  readonly history: ForeignHistory;
  readonly checksums: ReadonlyMap<string, number>;
}

/** Reads the history, and Flyway's checksums of the files where they are needed. Throws as `readForeignHistory`. */
export async function historyOfTool(
  connection: Connection,
  set: MigrationSet,
  table: ForeignTable,
): Promise<FoundHistory | undefined> {
  const history = await readForeignHistory(connection, table);
  if (!history) return undefined;
  const checksums = history.tool === 'flyway' ? await readFlywayChecksums(set) : new Map<string, number>();
  return { history, checksums };
}

/** Throws `MigrationRefused` when the journal is empty and another tool has migrated the database so far. */
export async function requireOwnHistory(
  site: Omit<Site, 'journal'>,
  set: MigrationSet,
  rows: readonly JournalRow[],
): Promise<void> {
  if (rows.length > 0) return;
  const obstacles = await foreignObstacles(site, set);
  if (obstacles.length > 0) throw new MigrationRefused(obstacles);
}

/** A history without a file that it would count as applied, and without a problem, is none. */
async function foreignObstacles(
  { connection, database }: Omit<Site, 'journal'>,
  set: MigrationSet,
): Promise<string[]> {
  const obstacles: string[] = [];
  for (const table of await findForeignTables(connection, database)) {
    const found = await historyOfTool(connection, set, { database, table });
    if (!found || isNothing(takeOver(found.history, { set, checksums: found.checksums, journaled: [] })))
      continue;
    obstacles.push(
      `${database}.${table} says that ${found.history.tool} has migrated this database so far: ` +
        'holdfast migrate take-over counts as applied what it has applied; ' +
        'holdfast migrate baseline VERSION does so up to a version that you name',
    );
  }
  return obstacles;
}

function isNothing(decision: ReturnType<typeof takeOver>): boolean {
  return decision.kind === 'taken' && decision.files.length === 0;
}
