/**
 * Splits a file of SQL into statements as the `mariadb` client does: at the delimiter, which DELIMITER
 * changes, but not inside strings, quoted names and comments. Where the client would cut a statement in two
 * this does not: the body of a routine, trigger or event between BEGIN and END stays whole even without
 * DELIMITER, and so does an executable comment. Nothing is decided here about what a statement means.
 * Comments before a statement are left out, so they may change; those inside belong to it.
 */

import { CompoundBody, isInnerWord } from './compound-body.ts';
import { tokenAt, usualEscapes, type Token } from './lexer.ts';
import { escapesAfter } from './sql-mode.ts';

export interface SplitStatement {
  readonly sql: string;
  /** Line of its first character, from 1. */
  readonly line: number;
}

export interface SplitProblem {
  readonly line: number;
  readonly message: string;
}

/** A comment that speaks to Holdfast; see marks.ts. */
export interface SplitMark {
  /** The comment, whole. */
  readonly text: string;
  readonly line: number;
  /** How many statements begin before it. */
  readonly after: number;
  /** Alone on its line, or beside something on that line, or inside a statement. */
  readonly place: 'alone' | 'beside' | 'inside';
}

export interface SplitResult {
  readonly statements: readonly SplitStatement[];
  readonly problems: readonly SplitProblem[];
  readonly marks: readonly SplitMark[];
}

/** Splits `text`, whose line ends are LF. Never throws: what can't be split is told in `problems`. */
export function splitStatements(text: string): SplitResult {
  const splitter = new Splitter(text);
  splitter.run();
  return { statements: splitter.statements, problems: splitter.problems, marks: splitter.marks };
}

const delimiterCommand = /delimiter(?:[ \t]+([^\n]*))?(?=\n|$)/iy;
/** What the client takes from the rest of the line: quoted text, or all up to a space. */
const delimiterArgument = /^(?:'([^'\\]+)'|"([^"\\]+)"|`([^`\\]+)`|([^\s'"`\\][^\s\\]*)(?!\S))/;
const wordCharacter = /[\p{L}\p{N}_]/u;
const markComment = /^(?:--|#|\/\*)\s*holdfast\s*:/i;
const dashedLine = /--[^\n]*/y;

class Splitter {
  readonly statements: SplitStatement[] = [];
  readonly problems: SplitProblem[] = [];
  readonly marks: SplitMark[] = [];
  readonly #text: string;
  #position = 0;
  #delimiter = ';';
  #escapes = usualEscapes;
  /** Where the statement begins that is being read; none between statements. */
  #start: number | undefined;
  #inHint = false;
  #body = new CompoundBody();
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
    } else if (this.#body.isOpen && this.#start !== undefined) {
      this.#problem(this.#start, `BEGIN without END: ${useDelimiter}`);
    }
    this.#finish(this.#text.length);
  }

  #takeDelimiterCommand(): boolean {
    if (
      this.#start !== undefined ||
      !/[dD]/.test(this.#text.charAt(this.#position)) ||
      !this.#isFirstOnLine(this.#position)
    )
      return false;
    delimiterCommand.lastIndex = this.#position;
    const match = delimiterCommand.exec(this.#text);
    if (!match) return false;
    const wanted = delimiterArgument
      .exec((match[1] ?? '').trim())
      ?.slice(1)
      .find(Boolean);
    if (wanted === undefined) {
      this.#problem(this.#position, 'DELIMITER needs characters other than a backslash, such as //');
    } else {
      this.#delimiter = wanted;
    }
    this.#position += match[0].length;
    return true;
  }

  #takeDelimiter(): boolean {
    const delimiter = this.#delimiter;
    if (!this.#text.startsWith(delimiter, this.#position) || this.#inHint || this.#body.isOpen) return false;
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
    if (token.kind === 'comment') this.#takeComment(from);
    if (token.kind === 'space' || token.kind === 'comment') return;
    this.#start ??= from;
    if (token.kind === 'hint-start') this.#inHint = true;
    else if (token.kind === 'comment-end') this.#inHint = false;
    else this.#follow(token, from);
  }

  #token(from: number): Token {
    // As for the client, a line of dashes between statements is a comment, although no space follows.
    if (this.#start === undefined && this.#text.startsWith('--', from)) {
      dashedLine.lastIndex = from;
      dashedLine.test(this.#text);
      return { kind: 'comment', end: dashedLine.lastIndex };
    }
    const token = tokenAt(this.#text, from, this.#escapes);
    // Outside an executable comment an asterisk before a slash is a multiplication before a comment.
    const isSymbol = token.kind === 'comment-end' && !this.#inHint;
    return isSymbol ? { kind: 'symbol', end: from + 1 } : token;
  }

  #takeComment(from: number): void {
    const text = this.#text.slice(from, this.#position);
    if (!markComment.test(text)) return;
    const isAlone = this.#isFirstOnLine(from) && this.#restOfLine().trim() === '';
    const place = this.#start === undefined ? (isAlone ? 'alone' : 'beside') : 'inside';
    this.marks.push({ text, line: this.#lineOf(from), after: this.statements.length, place });
  }

  #isFirstOnLine(position: number): boolean {
    const lineStart = this.#text.lastIndexOf('\n', position - 1) + 1;
    return position === 0 || this.#text.slice(lineStart, position).trim() === '';
  }

  #restOfLine(): string {
    const end = this.#text.indexOf('\n', this.#position);
    return this.#text.slice(this.#position, end === -1 ? undefined : end);
  }

  /** Keeps count of the bodies that are open, when the delimiter also ends the statements inside them. */
  #follow(token: Token, from: number): void {
    if (token.kind === 'symbol' && this.#text[from] === '\\' && !this.#inHint) this.#clientCommand(from);
    if (this.#delimiter !== ';' || !this.#body.isFollowed) return;
    const text = this.#text.slice(from, Math.min(token.end, from + longestWord));
    this.#body.follow(token.kind === 'quoted' ? '?' : text.toUpperCase());
  }

  #clientCommand(from: number): void {
    const letter = this.#text.charAt(from + 1);
    // \N is NULL.
    if (letter === 'N') return;
    const command = `\\${letter.trim()}`;
    this.#problem(
      from,
      `${command} is a command of the mariadb client: end the statement with its delimiter instead`,
    );
  }

  #finish(end: number): void {
    if (this.#start === undefined) return;
    const line = this.#lineOf(this.#start);
    const sql = withoutSpaceAtEnd(this.#text.slice(this.#start, end));
    const firstWord = /^\w+/.exec(sql)?.[0].toUpperCase() ?? '';
    if (isInnerWord(firstWord)) {
      this.problems.push({
        line,
        message: `${firstWord} belongs to the statement above it: ${useDelimiter}`,
      });
    } else if (firstWord === 'DELIMITER') {
      this.problems.push({ line, message: 'DELIMITER must be the first word on its line' });
    }
    this.statements.push({ sql, line });
    this.#escapes = escapesAfter(sql) ?? this.#escapes;
    this.#start = undefined;
    this.#inHint = false;
    this.#body = new CompoundBody();
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

function withoutSpaceAtEnd(sql: string): string {
  let end = sql.length;
  while (end > 0 && sql.charCodeAt(end - 1) <= 32) end -= 1;
  return sql.slice(0, end);
}

const useDelimiter =
  'put a line "DELIMITER //" before the whole statement, "//" after it, then "DELIMITER ;"';
const openThings: Partial<Record<Token['kind'], string>> = { comment: 'comment', quoted: 'quoted text' };
const longestWord = 16;
