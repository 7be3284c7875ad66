/**
 * What can be told of a statement from its words alone, without understanding it: whether it would take the
 * transaction or the connection out of the migrator's hands, whether it only sets the session up, and
 * whether it is one that MariaDB applies wholly or not at all and that shows in the schema.
 * Anything not recognised is taken for the worse.
 */

import { tokenAt } from './lexer.ts';

/** The words and symbols of the beginning, in upper case, `?` for what is quoted. */
export function leadingWords(sql: string, count: number): string[] {
  const words: string[] = [];
  let position = 0;
  while (position < sql.length && words.length < count) {
    const token = tokenAt(sql, position);
    if (token.kind === 'quoted') words.push('?');
    else if (token.kind === 'word' || token.kind === 'symbol') {
      words.push(sql.slice(position, token.end).toUpperCase());
    }
    position = token.kind === 'hint-start' ? afterVersion(sql, token.end) : token.end;
  }
  return words;
}

/** An executable comment may begin with the number of the least version that runs it. */
function afterVersion(sql: string, position: number): number {
  return position + (/^\d*/.exec(sql.slice(position, position + 6))?.[0].length ?? 0);
}

const transactionWords =
  /^(?:COMMIT|ROLLBACK|SAVEPOINT|RELEASE|XA|START TRANSACTION|BEGIN(?! NOT))\b|^SET (?:SESSION |LOCAL |@ @ (?:SESSION \. |LOCAL \. )?)?(?:AUTOCOMMIT|TRANSACTION)\b/;

/** Why a migration may not hold this statement; none when it may. */
export function refusal(sql: string): string | undefined {
  const words = leadingWords(sql, 8).join(' ');
  if (transactionWords.test(words)) {
    return 'each statement is committed together with its entry in the journal: leave transaction control out';
  }
  if (/^(?:LOCK|UNLOCK) TABLES?\b/.test(words)) {
    return 'locked tables would shut the journal out: leave LOCK TABLES and UNLOCK TABLES out';
  }
  if (/^USE\b/.test(words)) {
    return 'a migration belongs to one database: leave USE out, and write other.table where you need it';
  }
  return undefined;
}

/** Whether it sets variables of the session, which a new connection has to be told again. */
export function setsSession(sql: string): boolean {
  const [first, second] = leadingWords(sql, 2);
  return first === 'SET' && !['GLOBAL', 'PASSWORD', 'ROLE', 'DEFAULT', 'STATEMENT'].includes(second ?? '');
}

/**
 * Whether the statement needs what an earlier one left in the connection: a user variable, or the result of
 * LAST_INSERT_ID(), FOUND_ROWS() or ROW_COUNT(). A word inside a string counts too: better one too many.
 */
export function readsSession(sql: string): boolean {
  return /(?<![@\w`'"])@[`'"\w$.]|\b(?:LAST_INSERT_ID|FOUND_ROWS|ROW_COUNT)\s*\(/i.test(sql);
}

/**
 * Whether MariaDB applies it wholly or not at all, whatever is killed, *and* the schema is another one
 * afterwards (or the statement had nothing to do): since 10.6 CREATE, DROP, ALTER and RENAME of one object.
 * Not so, or not known: dropping or renaming several at once, CREATE OR REPLACE, CREATE TABLE ... SELECT, and
 * what moves the data of partitions.
 */
export function isAtomicSchemaChange(sql: string): boolean {
  const words = leadingWords(sql, Number.POSITIVE_INFINITY);
  const verb = words[0] ?? '';
  const all = ` ${words.join(' ')} `;
  switch (verb) {
    case 'CREATE':
      return !/^ CREATE (?:OR REPLACE|TEMPORARY|DATABASE|SCHEMA|USER|ROLE|TABLE .* SELECT) /.test(all);
    case 'DROP':
      return !/^ DROP (?:DATABASE|SCHEMA|USER|ROLE|TEMPORARY) | , /.test(all);
    case 'ALTER':
      return (
        /^ ALTER (?:ONLINE )?(?:IGNORE )?TABLE /.test(all) &&
        !/ (?:PARTITION|TABLESPACE|PARTITIONING) /.test(all)
      );
    case 'RENAME':
      return all.startsWith(' RENAME TABLE ') && !all.includes(' , ');
    default:
      return false;
  }
}
