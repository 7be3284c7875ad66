/**
 * Finds where comments, strings, names and words of MariaDB's SQL end, and nothing more: enough to tell a
 * delimiter from the same characters inside something else. Each function looks at one place of the text
 * and keeps no state. White space and words are what MariaDB takes for them: a no-break space is a letter.
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

/** In which quotes a backslash escapes the next character; sql_mode decides. */
export interface Escapes {
  readonly single: boolean;
  readonly double: boolean;
}

/** As in every sql_mode but NO_BACKSLASH_ESCAPES and ANSI_QUOTES. */
export const usualEscapes: Escapes = { single: true, double: true };

const space = /[ \t\n\v\f\r]+/y;
const word = /[\w\u0080-\uFFFF]+/y;
const commentEnd = /\*\//y;
const hintStart = /\/\*M?!/y;
// eslint-disable-next-line no-control-regex -- a control character ends the two dashes as a space does
const lineComment = /(?:#|--(?=[\0- \x7F]|$))[^\n]*/y;
const backslash = 92;

/** The token that starts at `position`, which must be inside the text. */
export function tokenAt(text: string, position: number, escapes = usualEscapes): Token {
  const special = specialTokens[text.charAt(position)];
  const token = special
    ? special(text, position, escapes)
    : (read('word', word, text, position) ?? read('space', space, text, position));
  return token ?? { kind: 'symbol', end: position + 1 };
}

/** Reads what starts with the one character, or finds that it is a mere symbol. */
type TokenReader = (text: string, position: number, escapes: Escapes) => Token | undefined;

const dash: TokenReader = (text, position) => read('comment', lineComment, text, position);

const specialTokens: Readonly<Record<string, TokenReader>> = {
  "'": (text, position, { single }) => quotedString(text, position, single),
  '"': (text, position, { double }) => quotedString(text, position, double),
  '`': (text, position) => quotedString(text, position, false),
  '/': slash,
  '*': (text, position) => read('comment-end', commentEnd, text, position),
  '#': dash,
  '-': dash,
};

function slash(text: string, position: number): Token | undefined {
  if (!text.startsWith('/*', position)) return undefined;
  return read('hint-start', hintStart, text, position) ?? blockComment(text, position);
}

function blockComment(text: string, position: number): Token {
  const found = text.indexOf('*/', position + 2);
  return found === -1
    ? { kind: 'comment', end: text.length, open: true }
    : { kind: 'comment', end: found + 2 };
}

/**
 * A string or a quoted name. A doubled quote stands for one; it reads as two strings that touch, which
 * changes nothing for a delimiter.
 */
function quotedString(text: string, position: number, hasEscapes: boolean): Token {
  const quote = text.charCodeAt(position);
  for (let at = position + 1; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === quote) return { kind: 'quoted', end: at + 1 };
    if (hasEscapes && character === backslash) at += 1;
  }
  return { kind: 'quoted', end: text.length, open: true };
}

function read(kind: TokenKind, pattern: RegExp, text: string, position: number): Token | undefined {
  pattern.lastIndex = position;
  return pattern.test(text) ? { kind, end: pattern.lastIndex } : undefined;
}
