/**
 * Takes everybody's data out of a statement: each literal gets a made-up value, comments go. Pure. Where literals
 * are is all that is known of the statement; whether they may be parameters the server says later. What the lexer
 * can't read to its end is no statement: its quotes may stand the wrong way round, and then data would stand
 * outside them.
 */

import { tokenAt, type Escapes } from '../lexer.ts';
import {
  syntheticBytes,
  syntheticNumber,
  syntheticRowCount,
  syntheticText,
  unseen,
  type SchemaWords,
  type Synthetic,
} from './synthetic.ts';

/** A piece of a statement. `spaced`: white space or a comment is before it. */
export type Piece = { readonly spaced: boolean } & (
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'value'; readonly value: Synthetic }
);

export interface Reading {
  readonly words: SchemaWords;
  readonly escapes: Escapes;
}

/** Statements longer than this are left out, in characters: they would only be lists of rows. */
const longest = 1_000_000;

/** The statement in pieces; none when it can't be read to its end. */
export function normalise(sql: string, reading: Reading): Piece[] | undefined {
  if (sql.length > longest) return undefined;
  const pieces: Piece[] = [];
  let spaced = false;
  for (let position = 0; position < sql.length;) {
    const found = readPiece(sql, position, reading);
    if (!found) return undefined;
    position = found.end;
    if (found.piece) pieces.push({ ...found.piece, ...rowCount(pieces, found), spaced });
    spaced = !found.piece;
  }
  return shortened(pieces);
}

/**
 * A value that says how many rows there shall be: another number of them is another result. The first of two says
 * how many are left out.
 */
function rowCount(before: Piece[], { piece, written }: Found): { readonly value?: Synthetic } {
  if (piece?.kind !== 'value' || written === undefined) return {};
  const [limit, first, last] = before.slice(-3);
  if (isWord(last, 'LIMIT')) return { value: syntheticRowCount(written) };
  if (isWord(last, 'OFFSET')) return { value: none };
  if (!isWord(last, ',') || !isWord(limit, 'LIMIT')) return {};
  if (first?.kind === 'value') before.splice(-2, 1, { ...first, value: none });
  return { value: syntheticRowCount(written) };
}

const none = syntheticRowCount('0');

function isWord(piece: Piece | undefined, word: string): boolean {
  return textOf(piece)?.toUpperCase() === word;
}

/** Without a piece it is white space or a comment. */
interface Found {
  readonly end: number;
  readonly piece?: { readonly kind: 'text'; readonly text: string } | { kind: 'value'; value: Synthetic };
  /** Of a number: as it is written. */
  readonly written?: string;
}

const number = /(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?(?![\w\u0080-\uFFFF$])/iy;
const bytes = /(?:x'(?<quoted>[\da-f]*)'|0x(?<bare>[\da-f]+)(?![\w\u0080-\uFFFF$]))/iy;
const bits = /(?:b'[01]*'|0b[01]+(?![\w\u0080-\uFFFF$]))/iy;
const timeWord = /(?:DATE|TIME|TIMESTAMP)(?=')/iy;
const nameEnd = /[\w\u0080-\uFFFF$]/;

function readPiece(sql: string, position: number, reading: Reading): Found | undefined {
  const written = readNumber(sql, position) ?? readTime(sql, position, reading);
  if (written) return written;
  const token = tokenAt(sql, position, reading.escapes);
  const text = sql.slice(position, token.end);
  // An executable comment is one server's only, and what is in it may be left out by another.
  if (token.open || token.kind === 'hint-start') return undefined;
  if (token.kind === 'space' || token.kind === 'comment') return { end: token.end };
  if (token.kind === 'quoted' && !text.startsWith('`')) return readText(sql, position, reading);
  if (text === '?') return valueAt(token.end, unseen);
  return { end: token.end, piece: { kind: 'text', text } };
}

function valueAt(end: number, value: Synthetic): Found {
  return { end, piece: { kind: 'value', value } };
}

/** A number, or bytes in hex or bits; not digits that belong to a name. */
function readNumber(sql: string, position: number): Found | undefined {
  const before = sql.charAt(position - 1);
  if (nameEnd.test(before)) return undefined;
  const binary = matchAt(bytes, sql, position) ?? matchAt(bits, sql, position);
  if (binary) return valueAt(position + binary[0].length, bytesOf(binary));
  // Behind a dot stands the second part of a name.
  const digits = before === '.' ? undefined : matchAt(number, sql, position)?.[0];
  if (digits === undefined) return undefined;
  return { ...valueAt(position + digits.length, syntheticNumber(digits)), written: digits };
}

/** `TIMESTAMP'2024-05-06 07:08:09'`, as the server itself logs a time that was sent as such. */
function readTime(sql: string, position: number, reading: Reading): Found | undefined {
  if (nameEnd.test(sql.charAt(position - 1))) return undefined;
  const word = matchAt(timeWord, sql, position)?.[0];
  return word === undefined ? undefined : readText(sql, position + word.length, reading);
}

function bytesOf({ groups }: RegExpExecArray): Synthetic {
  const hex = groups?.['quoted'] ?? groups?.['bare'];
  // Bits are a number most of the time.
  return hex === undefined ? syntheticNumber('1') : syntheticBytes(Math.ceil(hex.length / 2));
}

function matchAt(pattern: RegExp, sql: string, position: number): RegExpExecArray | undefined {
  pattern.lastIndex = position;
  return pattern.exec(sql) ?? undefined;
}

/** A string; a doubled quote in it reads as two that touch. */
function readText(sql: string, position: number, { words, escapes }: Reading): Found | undefined {
  const quote = sql.charAt(position);
  let end = position;
  let text = '';
  while (sql.charAt(end) === quote) {
    const token = tokenAt(sql, end, escapes);
    if (token.open) return undefined;
    if (end > position) text += quote;
    text += sql.slice(end + 1, token.end - 1);
    end = token.end;
  }
  return valueAt(end, syntheticText(text.replaceAll(/\\([^%_])/gs, '$1'), words));
}

/** Long lists become short ones: `(1, 2, 3, 4)` behind IN, and rows behind one another. */
function shortened(pieces: readonly Piece[]): Piece[] {
  const short: Piece[] = [];
  for (let at = 0; at < pieces.length;) {
    const repeated = repetition(pieces, at);
    const end = repeated ? at + repeated.length * 2 : at + 1;
    short.push(...pieces.slice(at, end));
    at = repeated ? at + repeated.length * repeated.count : end;
  }
  return short;
}

/** Equal things with commas before them, more than two: `, 3 , 4 , 5` or `, (1, 2) , (3, 4)`. */
function repetition(
  pieces: readonly Piece[],
  at: number,
): { readonly length: number; readonly count: number } | undefined {
  if (textOf(pieces[at]) !== ',') return undefined;
  const length = elementLength(pieces, at + 1);
  if (length === undefined) return undefined;
  if (length === 1 && !isBehindIn(pieces, at)) return undefined;
  const unit = kindsOf(pieces, at, length + 1);
  let count = 1;
  while (kindsOf(pieces, at + count * (length + 1), length + 1) === unit) count += 1;
  return count > 2 ? { length: length + 1, count } : undefined;
}

/** How many pieces a value or a row of values has. */
function elementLength(pieces: readonly Piece[], at: number): number | undefined {
  if (pieces[at]?.kind === 'value') return 1;
  if (textOf(pieces[at]) !== '(') return undefined;
  let end = at + 1;
  while (pieces[end] && textOf(pieces[end]) !== ')' && textOf(pieces[end]) !== '(') end += 1;
  return textOf(pieces[end]) === ')' ? end - at + 1 : undefined;
}

/** Whether the list began as `IN (` and has had one value so far: elsewhere the number of values counts. */
function isBehindIn(pieces: readonly Piece[], at: number): boolean {
  return textOf(pieces[at - 2]) === '(' && isWord(pieces[at - 3], 'IN');
}

function kindsOf(pieces: readonly Piece[], from: number, length: number): string {
  return pieces
    .slice(from, from + length)
    .map((piece) => (piece.kind === 'text' ? piece.text : piece.value.parameter.type))
    .join(' ');
}

function textOf(piece: Piece | undefined): string | undefined {
  return piece?.kind === 'text' ? piece.text : undefined;
}

/** The statement, with a question mark where `asParameter` says so and the value itself elsewhere. */
export function written(pieces: readonly Piece[], asParameter: (value: number) => boolean): string {
  let value = -1;
  return pieces
    .map((piece) => {
      const space = piece.spaced ? ' ' : '';
      if (piece.kind === 'text') return `${space}${piece.text}`;
      value += 1;
      return `${space}${asParameter(value) ? '?' : piece.value.inline}`;
    })
    .join('')
    .trim();
}

/** The values of a statement, in their order. */
export function valuesOf(pieces: readonly Piece[]): Synthetic[] {
  return pieces.flatMap((piece) => (piece.kind === 'value' ? [piece.value] : []));
}

/** For each value whether it may be a parameter as far as its place tells: behind BY it is the number of a column. */
export function mayBeParameters(pieces: readonly Piece[]): boolean[] {
  return pieces.flatMap((piece, index) => (piece.kind === 'value' ? [!isWord(pieces[index - 1], 'BY')] : []));
}
