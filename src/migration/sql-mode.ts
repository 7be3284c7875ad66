/** What a statement that sets sql_mode does to the quotes of the statements after it. Pure. */

import { usualEscapes, type Escapes } from './lexer.ts';

/** How much of a statement is looked at: settings are short, data is long. */
const mostCharacters = 2_000;
const setStatement = /^(?:\/\*M?!\d*\s*)?SET\b(?!\s+STATEMENT\b)/i;
const modeAssigned = /(?<!\bGLOBAL(?:\s+|\s*\.\s*))\bsql_mode`?\s*:?=\s*([^]*)/i;
/** ORACLE and its like stand for several modes, ANSI_QUOTES among them. */
const ansiQuotes = /\b(?:ANSI_QUOTES|ANSI|ORACLE|MSSQL|DB2|MAXDB|POSTGRESQL)\b/i;

/**
 * How strings are read after `sql`, or nothing when it leaves that as it is. A mode that is not written out,
 * as in `SET sql_mode = @old`, is taken for a usual one.
 */
export function escapesAfter(sql: string): Escapes | undefined {
  if (!setStatement.test(sql)) return undefined;
  const mode = modeAssigned.exec(sql.slice(0, mostCharacters))?.[1];
  if (mode === undefined) return undefined;
  const single = !/\bNO_BACKSLASH_ESCAPES\b/i.test(mode);
  return single && !ansiQuotes.test(mode)
    ? usualEscapes
    : { single, double: single && !ansiQuotes.test(mode) };
}
