/** Which table a statement alters, by its words; whether its structure then changes only the server knows. Pure. */

import { leadingWords } from './allowed-statement.ts';
import { tokenAt } from './lexer.ts';

const alterations =
  /^(?:ALTER (?:IGNORE |ONLINE )*TABLE|CREATE (?:OR REPLACE )?(?:UNIQUE |FULLTEXT |SPATIAL )?INDEX|DROP INDEX)\b/;
const fewWords = 5;

/** Whether it is an ALTER TABLE, or what the server takes for one. */
export function altersTable(sql: string): boolean {
  return alterations.test(leadingWords(sql, fewWords).join(' '));
}

/** Words between the one that a table stands behind and its name. */
const fillers = new Set(['IF', 'EXISTS']);

/** The name of the table, without its database and without quotes; none for other statements. */
export function alteredTable(sql: string): string | undefined {
  if (!altersTable(sql)) return undefined;
  const anchor = leadingWords(sql, 1)[0] === 'ALTER' ? 'TABLE' : 'ON';
  const words = wordsOf(sql);
  const at = words.findIndex((word) => word.toUpperCase() === anchor);
  const rest = words.slice(at + 1);
  const from = rest.findIndex((word) => !fillers.has(word.toUpperCase()));
  const name = rest[from + 1] === '.' ? rest[from + 2] : rest[from];
  return name?.replaceAll('`', '');
}

/** So many words are enough to reach the name. */
const mostWords = 20;

function wordsOf(sql: string): string[] {
  const words: string[] = [];
  for (let position = 0; position < sql.length && words.length < mostWords;) {
    const { kind, end } = tokenAt(sql, position);
    if (kind === 'word' || kind === 'symbol' || kind === 'quoted') words.push(sql.slice(position, end));
    position = end;
  }
  return words;
}
