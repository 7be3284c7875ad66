/**
 * What a backslash in a string means is decided by sql_mode. Files are split with the usual meaning, before
 * any server is asked; on a server whose own sql_mode gives it another one, only a file that sets sql_mode
 * itself says what its backslashes are. Pure.
 */

import { tokenAt } from './lexer.ts';
import type { MigrationFile } from './migration-set.ts';
import { escapesAfter } from './sql-mode.ts';

/** Each first statement of a file that `sqlMode`, the server's own, would read otherwise, in sentences. */
export function unclearBackslashes(files: readonly MigrationFile[], sqlMode: string): string[] {
  const modes = sqlMode.split(',');
  const mode = ['NO_BACKSLASH_ESCAPES', 'ANSI_QUOTES'].find((name) => modes.includes(name));
  if (mode === undefined) return [];
  const quotes = mode === 'ANSI_QUOTES' ? '"' : `'"`;
  return files.flatMap(({ file, statements }) => {
    const choice = statements.findIndex(({ sql }) => escapesAfter(sql) !== undefined);
    const own = choice === -1 ? statements : statements.slice(0, choice);
    const unclear = own.find(({ sql }) => hasBackslash(sql, quotes));
    return unclear
      ? [
          `${file}:${unclear.line}: statement ${unclear.index} has a backslash, and the server's sql_mode has ${mode}: ` +
            'begin the file with SET sql_mode = …, with or without it, to say how it is meant',
        ]
      : [];
  });
}

/** Whether a backslash stands between two of `quotes`. */
function hasBackslash(sql: string, quotes: string): boolean {
  for (let position = 0; position < sql.length;) {
    const { kind, end } = tokenAt(sql, position);
    const isString = kind === 'quoted' && quotes.includes(sql.charAt(position));
    if (isString && sql.slice(position, end).includes('\\')) return true;
    position = end;
  }
  return false;
}
