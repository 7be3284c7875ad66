/**
 * Finds where comments, strings, names and words of MariaDB's SQL end, and nothing more: enough to tell a
 * delimiter from the same characters inside something else. Each function looks at one place of the text
 * and keeps no state. Strings have backslash escapes, as in every sql_mode but NO_BACKSLASH_ESCAPES.
 */

export type TokenKind =
  | 'space'
  | 'comment'
  /** Opens an executable comment, whose content the server runs. */
  | 'hint-start'
  | 'comment-end'
  | 'quoted'
  | 'word'
  | 'symbol';

/** `end` is the position after the token; `open` when the text ended before the token did. */
export interface Token {
  readonly kind: TokenKind;
  readonly end: number;
  readonly open?: true;
}

const space = /\s+/y;
const word = /[\p{L}\p{N}_]+/uy;
const commentEnd = /\*\//y;
const hintStart = /\/\*M?!/y;
const lineComment = /(?:#|--(?=[\s\p{Cc}]|$))[^\n]*/uy;

/** The token that starts at `position`, which must be inside the text. */
export function tokenAt(text: string, position: number): Token {
  const special = specialTokens[text.charAt(position)];
  const token = special
    ? special(text, position)
    : (read('word', word, text, position) ?? read('space', space, text, position));
  return token ?? { kind: 'symbol', end: position + 1 };
}

/** Reads what starts with the one character, or finds that it is a mere symbol. */
type TokenReader = (text: string, position: number) => Token | undefined;

const dash: TokenReader = (text, position) => read('comment', lineComment, text, position);

const specialTokens: Readonly<Record<string, TokenReader>> = {
  "'": quotedString,
  '"': quotedString,
  '`': quotedName,
  '/': slash,
  '*': (text, position) => read('comment-end', commentEnd, text, position),
  '#': dash,
  '-': dash,
};

function slash(text: string, position: number): Token | undefined {
  if (!text.startsWith('/*', position)) return undefined;
  return read('hint-start', hintStart, text, position) ?? enclosed('comment', text, position + 2, '*/');
}

/** In a name a doubled backtick stands for one; its two halves read as two names that touch. */
function quotedName(text: string, position: number): Token {
  return enclosed('quoted', text, position + 1, '`');
}

/** A doubled quote likewise reads as two strings that touch, which changes nothing for a delimiter. */
function quotedString(text: string, position: number): Token {
  const quote = text.charAt(position);
  for (let at = position + 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '\\') at += 1;
    else if (character === quote) return { kind: 'quoted', end: at + 1 };
  }
  return { kind: 'quoted', end: text.length, open: true };
}

function enclosed(kind: 'comment' | 'quoted', text: string, from: number, end: string): Token {
  const found = text.indexOf(end, from);
  return found === -1 ? { kind, end: text.length, open: true } : { kind, end: found + end.length };
}

function read(kind: TokenKind, pattern: RegExp, text: string, position: number): Token | undefined {
  pattern.lastIndex = position;
  return pattern.test(text) ? { kind, end: pattern.lastIndex } : undefined;
}
