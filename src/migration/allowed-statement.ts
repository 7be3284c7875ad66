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
  /^(?:COMMIT|ROLLBACK|SAVEPOINT|RELEASE|XA|START TRANSACTION|BEGIN(?! NOT)|SET (?:SESSION |LOCAL )?TRANSACTION)\b/;

/** What a migration leaves out, by the first words of the statement, and why. */
const refused: readonly (readonly [words: RegExp, why: string])[] = [
  [
    transactionWords,
    'each statement is committed together with its entry in the journal: leave transaction control out',
  ],
  [
    /^(?:LOCK|UNLOCK) TABLES?\b/,
    'locked tables would shut the journal out: leave LOCK TABLES and UNLOCK TABLES out (a dump has none with --skip-add-locks)',
  ],
  [
    /^FLUSH .*\b(?:READ LOCK|FOR EXPORT)\b|^BACKUP (?:STAGE|LOCK)\b/,
    'a lock on the whole server would shut the journal out: leave it out',
  ],
  [
    /^USE\b/,
    'a migration belongs to one database: leave USE out, and write other.table where you need it (a dump has none without --databases)',
  ],
  [
    /^(?:CREATE(?: OR REPLACE)?|DROP) (?:DATABASE|SCHEMA)\b/,
    'a migration belongs to one database, which exists: leave this out, and make other databases where the accounts are made',
  ],
  [/^(?:SOURCE|TEE|SYSTEM)\b/, 'this is a command of the mariadb client, not SQL: leave it out'],
];

/** Settings that would take the statement and its entry in the journal apart. */
const refusedVariables: ReadonlyMap<string, string> = new Map([
  [
    'AUTOCOMMIT',
    'each statement is committed together with its entry in the journal: leave autocommit as it is',
  ],
  [
    'COMPLETION_TYPE',
    'the journal commits, and must go on in the same connection: leave completion_type as it is',
  ],
  ['SQL_LOG_BIN', 'replicas would have the journal without the change: leave sql_log_bin as it is'],
  ['WSREP_ON', 'other nodes would have the journal without the change: leave wsrep_on as it is'],
]);

/** How many words of a statement say what it is; settings of variables may be long. */
const fewWords = 8;
const settingWords = 200;

/** Why a migration may not hold this statement; none when it may. */
export function refusal(sql: string): string | undefined {
  const first = leadingWords(sql, fewWords);
  const words = first[0] === 'SET' ? withoutPrefix(leadingWords(sql, settingWords)) : first;
  const text = words.join(' ');
  const found = refused.find(([pattern]) => pattern.test(text));
  if (found) return found[1];
  if (words[0] !== 'SET') return undefined;
  return assignedVariables(words)
    .map((name) => refusedVariables.get(name))
    .find((why) => why !== undefined);
}

/** `SET STATEMENT name = value FOR statement` is that statement. */
function withoutPrefix(words: readonly string[]): readonly string[] {
  const end = words.indexOf('FOR');
  return words[1] === 'STATEMENT' && end !== -1 ? words.slice(end + 1) : words;
}

/** Names of the variables of the server that a SET changes, of any scope; a name in backticks is not seen. */
function assignedVariables(words: readonly string[]): string[] {
  return words
    .slice(1)
    .join(' ')
    .split(',')
    .map(
      (assignment) => /^\s*(?:@ @ )?(?:(?:SESSION|LOCAL|GLOBAL) (?:\. )?)?(\w+)/.exec(assignment)?.[1] ?? '',
    );
}

/** Whether it sets variables of the session, which a new connection has to be told again. */
export function setsSession(sql: string): boolean {
  const [first, second] = leadingWords(sql, 2);
  return first === 'SET' && !['GLOBAL', 'PASSWORD', 'ROLE', 'DEFAULT', 'STATEMENT'].includes(second ?? '');
}

const dataWords = new Set(['DELETE', 'INSERT', 'REPLACE', 'UPDATE']);

/** Whether it changes rows and can't commit by itself: the server refuses that to the functions and triggers that it calls. */
export function isDataChange(sql: string): boolean {
  return dataWords.has(leadingWords(sql, 1)[0] ?? '');
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
  const verb = leadingWords(sql, 1)[0] ?? '';
  if (!['CREATE', 'DROP', 'ALTER', 'RENAME'].includes(verb)) return false;
  const words = leadingWords(sql, Number.POSITIVE_INFINITY);
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
