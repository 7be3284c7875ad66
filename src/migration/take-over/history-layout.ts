/** How the tables are recognised in which other tools keep what they have applied: by their columns. Pure. */

import type { ForeignTool } from './foreign-history.ts';

/** Whose history a table with these columns is; their names in lower case. */
export function toolOf(columns: ReadonlySet<string>): ForeignTool | undefined {
  if (columns.has('installed_rank') && columns.has('checksum')) return 'flyway';
  if (!columns.has('version')) return undefined;
  if (columns.has('dirty')) return columns.size === 2 ? 'golang-migrate' : undefined;
  return columns.size === 1 ? 'dbmate' : undefined;
}

/**
 * Whether a table is such a history, going by its definition as SHOW CREATE TABLE has it. A history stays
 * behind when a database is taken over, and no migration makes it: it is no part of the schema.
 */
export function isForeignHistory(definition: string): boolean {
  const columns = [...definition.matchAll(/^ {2}`([^`]+)` /gm)].map(([, name = '']) => name.toLowerCase());
  const tool = toolOf(new Set(columns));
  // One column named version may be anything.
  return tool === 'dbmate' ? /^CREATE TABLE `\w*migration\w*`/i.test(definition) : tool !== undefined;
}
