/**
 * Splits a file of SQL into statements as the `mariadb` client does: at the delimiter, which DELIMITER
 * changes, but not inside strings, quoted names and comments. The body of a routine, trigger or event
 * between BEGIN and END stays whole even without DELIMITER. Nothing is decided here about what a
 * statement means. Comments before a statement are left out, so they may change; those inside belong to it.
 */

import { tokenAt, type Token } from './lexer.ts';

export interface SplitStatement {
  readonly sql: string;
  /** Line of its first character, from 1. */
  readonly line: number;
}

export interface SplitProblem {
  readonly line: number;
  readonly message: string;
}

export interface SplitResult {
  readonly statements: readonly SplitStatement[];
  readonly problems: readonly SplitProblem[];
}

/** Splits `text`, whose line ends are LF. Never throws: what can't be split is told in `problems`. */
export function splitStatements(text: string): SplitResult {
  const splitter = new Splitter(text);
  splitter.run();
  return { statements: splitter.statements, problems: splitter.problems };
}

const delimiterCommand = /delimiter(?:[ \t]+([^\n]*))?(?=\n|$)/iy;
const wordCharacter = /[\p{L}\p{N}_]/u;

/** Words that can't start a statement: there a compound statement has been cut in two. */
const innerWords = new Set(['END', 'ELSE', 'ELSEIF', 'UNTIL']);
/** The words and symbols before a body, with ? for what is quoted. */
const compoundHead =
  /^(?:BEGIN NOT ATOMIC|CREATE(?: OR REPLACE)?(?: DEFINER = [?\w]+(?: \?)*(?: @ [?\w]+(?: \?)*| \( \))?)?(?: AGGREGATE)? (?:PROCEDURE|FUNCTION|TRIGGER|EVENT|PACKAGE))$/;
/** After END they close what was not counted when it was opened. */
const uncounted = new Set(['IF', 'LOOP', 'WHILE', 'REPEAT', 'FOR']);

class Splitter {
  readonly statements: SplitStatement[] = [];
  readonly problems: SplitProblem[] = [];
  readonly #text: string;
  #position = 0;
  #delimiter = ';';
  /** Where the statement begins that is being read; none between statements. */
  #start: number | undefined;
  #inHint = false;
  /** The words of the statement so far that tell whether it has a body. */
  #head: string[] = [];
  #isCompound = false;
  /** How many BEGIN and CASE are open in a body. */
  #depth = 0;
  #previous = '';
  #line = 1;
  #lineCountedTo = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): void {
    while (this.#position < this.#text.length) {
      if (!this.#takeDelimiterCommand() && !this.#takeDelimiter()) this.#take();
    }
    if (this.#inHint && this.#start !== undefined) {
      this.#problem(this.#start, 'the statement that begins here has an executable comment without an end');
    } else if (this.#depth > 0 && this.#start !== undefined) {
      this.#problem(this.#start, `BEGIN without END: ${useDelimiter}`);
    }
    this.#finish(this.#text.length);
  }

  #takeDelimiterCommand(): boolean {
    if (this.#start !== undefined || !this.#atLineStart()) return false;
    delimiterCommand.lastIndex = this.#position;
    const match = delimiterCommand.exec(this.#text);
    if (!match) return false;
    const wanted = (match[1] ?? '').trim().split(/\s/, 1)[0] ?? '';
    if (wanted === '' || wanted.includes('\\')) {
      this.#problem(this.#position, 'DELIMITER needs characters other than a backslash, such as //');
    } else {
      this.#delimiter = wanted;
    }
    this.#position += match[0].length;
    return true;
  }

  #atLineStart(): boolean {
    const lineStart = this.#text.lastIndexOf('\n', this.#position - 1) + 1;
    return this.#position === 0 || this.#text.slice(lineStart, this.#position).trim() === '';
  }

  #takeDelimiter(): boolean {
    const delimiter = this.#delimiter;
    if (this.#inHint || this.#depth > 0 || !this.#text.startsWith(delimiter, this.#position)) return false;
    const end = this.#position + delimiter.length;
    if (wordCharacter.test(delimiter.slice(-1)) && wordCharacter.test(this.#text.charAt(end))) return false;
    this.#finish(this.#position);
    this.#position = end;
    return true;
  }

  #take(): void {
    const from = this.#position;
    const token = this.#token(from);
    this.#position = token.end;
    if (token.open)
      this.#problem(from, `the ${openThings[token.kind] ?? 'text'} that begins here has no end`);
    if (token.kind === 'space' || token.kind === 'comment') return;
    this.#start ??= from;
    if (token.kind === 'hint-start') this.#inHint = true;
    else if (token.kind === 'comment-end') this.#inHint = false;
    else this.#follow(token, this.#text.slice(from, Math.min(token.end, from + longestWord)));
  }

  /** Outside an executable comment an asterisk before a slash is a multiplication before a comment. */
  #token(from: number): Token {
    const token = tokenAt(this.#text, from);
    const isSymbol = token.kind === 'comment-end' && !this.#inHint;
    return isSymbol ? { kind: 'symbol', end: from + 1 } : token;
  }

  /** Keeps count of the bodies that are open, when the delimiter also ends the statements inside them. */
  #follow(token: Token, text: string): void {
    const symbol = token.kind === 'quoted' ? '?' : text.toUpperCase();
    const before = this.#previous;
    this.#previous = symbol;
    if (this.#delimiter !== ';') return;
    if (!this.#isCompound) this.#readHead(symbol);
    else if (before !== '.') this.#count(symbol, before);
  }

  #readHead(symbol: string): void {
    if (this.#head.length >= headLength) return;
    this.#head.push(symbol);
    this.#isCompound = compoundHead.test(this.#head.join(' '));
    if (this.#isCompound && this.#head[0] === 'BEGIN') this.#depth = 1;
  }

  #count(symbol: string, before: string): void {
    if (before === 'END') {
      if (uncounted.has(symbol)) this.#depth += 1;
      if (symbol === 'CASE') return;
    }
    if (symbol === 'BEGIN' || symbol === 'CASE') this.#depth += 1;
    else if (symbol === 'END') this.#depth = Math.max(0, this.#depth - 1);
  }

  #finish(end: number): void {
    if (this.#start === undefined) return;
    const line = this.#lineOf(this.#start);
    const sql = this.#text.slice(this.#start, end).trimEnd();
    const firstWord = /^\w+/.exec(sql)?.[0].toUpperCase() ?? '';
    if (innerWords.has(firstWord)) {
      this.problems.push({
        line,
        message: `${firstWord} belongs to the statement above it: ${useDelimiter}`,
      });
    }
    this.statements.push({ sql, line });
    this.#start = undefined;
    this.#inHint = false;
    this.#head = [];
    this.#isCompound = false;
    this.#depth = 0;
    this.#previous = '';
  }

  #problem(position: number, message: string): void {
    this.problems.push({ line: this.#lineOf(position), message });
  }

  /** Positions are asked for in rising order, all but the last few of a file. */
  #lineOf(position: number): number {
    if (position < this.#lineCountedTo) {
      this.#line = 1;
      this.#lineCountedTo = 0;
    }
    for (
      let at = this.#text.indexOf('\n', this.#lineCountedTo);
      at !== -1 && at < position;
      at = this.#text.indexOf('\n', at + 1)
    ) {
      this.#line += 1;
      this.#lineCountedTo = at + 1;
    }
    return this.#line;
  }
}

const useDelimiter =
  'put a line "DELIMITER //" before the whole statement, "//" after it, then "DELIMITER ;"';
const openThings: Partial<Record<Token['kind'], string>> = { comment: 'comment', quoted: 'quoted text' };
/** CREATE OR REPLACE DEFINER = user @ host AGGREGATE FUNCTION and the like end before this many tokens. */
const headLength = 16;
const longestWord = 16;
