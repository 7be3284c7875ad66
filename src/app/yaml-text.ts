/**
 * Reads YAML text as plain data whose every key and value has a place in the text. Only the plain part
 * of YAML is taken: one document, maps with names as keys, no anchors, aliases or tags. The words of the
 * YAML library are replaced where they could quote a value, which may be a secret.
 */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Document, Node, Pair } from 'yaml';
import { indexOf } from './raw-value.ts';

export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

export interface TextProblem extends Place {
  readonly message: string;
  readonly expected: string;
}

export interface YamlText {
  /** Plain data: maps, lists, text, numbers, booleans, null. Undefined when the text has no usable form. */
  readonly data: unknown;
  readonly problems: readonly TextProblem[];
  /** Where a key or its value stands; if it is missing, where its nearest existing parent's key stands. */
  readonly place: (path: readonly string[], part: 'key' | 'value') => Place;
}

interface Fault {
  readonly offset: number;
  readonly message: string;
  readonly expected: string;
  /** The rest of the file can still be judged. */
  readonly harmless?: boolean;
}

/** Never throws. A byte order mark is passed over; lines may end with CRLF. */
export function readYaml(text: string): YamlText {
  const lines = new LineCounter();
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const document = parseDocument(text.replace(/^\uFEFF/, ''), { lineCounter: lines, prettyErrors: false });
  const syntax = syntaxFaults(document);
  const faults = syntax.every(isHarmless) ? [...syntax, ...unwantedParts(document)] : syntax;
  const usable = faults.every(isHarmless);
  return {
    data: usable ? (document.toJS() as unknown) : undefined,
    problems: faults.map(({ offset, message, expected }) => ({ ...placeOf(offset), message, expected })),
    place: (path, part) => placeOf(offsetOf(document.contents, path, part)),
  };
}

const WORDS: Readonly<Record<string, { message: string; expected: string }>> = {
  DUPLICATE_KEY: { message: 'this key stands here twice', expected: 'each key once' },
  TAB_AS_INDENT: { message: 'a tab in the indentation; use spaces', expected: 'spaces' },
  MULTIPLE_DOCS: { message: 'a second YAML document begins here; write one only', expected: 'one document' },
  TAG_RESOLVE_FAILED: {
    message: 'YAML tags (!) cannot be used; put text with ! in quotes',
    expected: 'plain values',
  },
  BAD_INDENT: {
    message: 'the indentation does not fit the lines above, or a bracket is not closed',
    expected: 'the keys of a map in one column',
  },
  BAD_ALIAS: { message: 'aliases (*) cannot be used; put text with * in quotes', expected: 'a plain value' },
  UNEXPECTED_TOKEN: { message: 'this does not belong here', expected: 'key: value' },
  MULTILINE_IMPLICIT_KEY: { message: 'this line is no "key: value"', expected: 'key: value' },
  MISSING_CHAR: {
    message: 'a closing quote, a comma or a colon is missing before this',
    expected: 'complete YAML',
  },
  BAD_SCALAR_START: { message: 'text that begins with @, ` or % needs quotes', expected: 'quotes' },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'a second ": " in one line; put text with a colon in quotes',
    expected: 'quotes',
  },
  BAD_DQ_ESCAPE: {
    message: 'an unknown escape after \\; single quotes take \\ as it is',
    expected: 'a known escape',
  },
};

/** Of the faults that break the text only the first: the others mostly follow from it. */
function syntaxFaults(document: Document.Parsed): Fault[] {
  const faults = [...document.errors, ...document.warnings].map((problem): Fault => {
    const words = WORDS[problem.code] ?? { message: 'this is not valid YAML', expected: 'YAML' };
    return { offset: problem.pos[0], ...words, harmless: problem.code === 'DUPLICATE_KEY' };
  });
  const broken = faults.find((fault) => !isHarmless(fault));
  return broken === undefined ? faults : [...faults.filter(isHarmless), broken];
}

function isHarmless(fault: Fault): boolean {
  return fault.harmless === true;
}

function unwantedParts(document: Document.Parsed): Fault[] {
  const faults: Fault[] = [];
  visit(document, {
    Node: (_, node) => {
      const fault = unwantedNode(node);
      if (fault !== undefined) faults.push({ offset: node.range?.[0] ?? 0, ...fault });
    },
    Pair: (_, pair) => {
      const fault = unwantedKey(pair);
      if (fault !== undefined) faults.push({ offset: startOf(pair.key) ?? 0, ...fault });
    },
  });
  return faults;
}

function unwantedNode(node: Node): Omit<Fault, 'offset'> | undefined {
  if (isAlias(node))
    return { message: 'aliases (*) cannot be used; write the value out', expected: 'a plain value' };
  if ('anchor' in node && node.anchor !== undefined) {
    return { message: 'anchors (&) cannot be used; put text with & in quotes', expected: 'a plain value' };
  }
  return undefined;
}

function unwantedKey(pair: Pair): Omit<Fault, 'offset'> | undefined {
  // The name would set the prototype of an object instead of a key.
  if (isScalar(pair.key) && pair.key.value !== '__proto__') return undefined;
  return { message: 'this cannot be a key; use a name', expected: 'a name' };
}

function offsetOf(root: unknown, path: readonly string[], part: 'key' | 'value'): number {
  let value = root;
  let keyOffset = startOf(root) ?? 0;
  for (const name of path) {
    const child = childOf(value, name);
    if (child === undefined) return keyOffset;
    keyOffset = startOf(child.key) ?? keyOffset;
    value = child.value;
  }
  return part === 'key' || isNothing(value) ? keyOffset : (startOf(value) ?? keyOffset);
}

/** What stands under a key of a map, or at a place of a list; there the value is its own key. */
function childOf(parent: unknown, name: string): { key: unknown; value: unknown } | undefined {
  if (!isSeq(parent)) return findPair(parent, name);
  const value = parent.items[indexOf(name)];
  return value === undefined ? undefined : { key: value, value };
}

/** The last of equal keys, whose value the data has. */
function findPair(map: unknown, name: string): Pair | undefined {
  if (!isMap(map)) return undefined;
  return map.items.findLast((pair) => isScalar(pair.key) && keyText(pair.key.value) === name);
}

/** A key as plain data has it: the text of a number, and no text for an empty key. */
function keyText(key: unknown): string {
  if (key === null) return '';
  return typeof key === 'string' ? key : JSON.stringify(key);
}

/** `key:` with nothing after it has no place of its own. */
function isNothing(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
