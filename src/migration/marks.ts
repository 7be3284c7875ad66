/**
 * What a file says to Holdfast in comments of their own lines. Pure. Before the first statement, for the file:
 *
 *     -- holdfast: contract
 *     -- holdfast: backfill members by id
 *     -- holdfast: backfill members by id, 5000 rows
 *
 * Directly above a statement, for that statement:
 *
 *     -- holdfast: repeatable
 *     -- holdfast: allow copies-table the table has 200 rows
 *
 * A mark that is not understood is an error: it was meant to change what is done.
 */

import { leadingWords } from './allowed-statement.ts';
import { tokenAt } from './lexer.ts';
import { chunkVariables, type Allowance, type Backfill, type Phase } from './migration-set.ts';
import type { SplitMark, SplitProblem, SplitStatement } from './statements.ts';

/** What is said of one statement. */
export interface StatementMarks {
  readonly repeatable: boolean;
  readonly allowances: readonly Allowance[];
}

export interface FileMarks {
  readonly phase: Phase;
  readonly backfill?: Backfill;
  /** One for each statement. */
  readonly statements: readonly StatementMarks[];
  readonly problems: readonly SplitProblem[];
}

type Mark =
  | { readonly kind: 'contract' }
  | { readonly kind: 'backfill'; readonly backfill: Backfill }
  | { readonly kind: 'repeatable' }
  | { readonly kind: 'allow'; readonly allowance: Allowance };

const defaultRows = 1_000;
const mostRows = 100_000;
const understood = 'contract, backfill TABLE by KEY, repeatable, allow RULE REASON';
const backfillMark =
  /^(?<table>`[^`]+`|[\w$]+)\s+by\s+(?<key>`[^`]+`|[\w$]+)(?:\s*,\s*(?<rows>\d+)\s+rows)?$/i;
const allowMark = /^(?<rule>[a-z][a-z0-9-]*)(?:\s+(?<reason>\S.*))?$/;

/** Gives every mark to the file or to its statement. */
export function readMarks(marks: readonly SplitMark[], split: readonly SplitStatement[]): FileMarks {
  const problems: SplitProblem[] = [];
  const said = split.map(() => ({ repeatable: false, allowances: [] as Allowance[] }));
  const phases: Extract<Mark, { kind: 'contract' | 'backfill' }>[] = [];
  for (const mark of marks) {
    const meaning = misplaced(mark) ?? parseMark(mark.text);
    const problem = typeof meaning === 'string' ? meaning : give(meaning, mark, { said, phases });
    if (problem !== undefined) problems.push({ line: mark.line, message: problem });
  }
  const [phase = { kind: 'expand' as const }] = phases;
  if (phase.kind !== 'backfill') return { phase: phase.kind, statements: said, problems };
  problems.push(...chunkProblems(split));
  return { phase: phase.kind, backfill: phase.backfill, statements: said, problems };
}

function misplaced({ place, text }: SplitMark): string | undefined {
  if (place === 'inside') return 'a mark for Holdfast stands above a statement, not inside one';
  if (place === 'beside') return 'a mark for Holdfast stands on a line of its own, above its statement';
  return text.startsWith('--') ? undefined : 'a mark for Holdfast is written -- holdfast: …';
}

function parseMark(text: string): Mark | string {
  const [, verb = '', rest = ''] = /^--\s*holdfast\s*:\s*(\S*)\s*(.*)$/i.exec(text.trim()) ?? [];
  switch (verb) {
    case 'contract':
    case 'repeatable':
      return rest === '' ? { kind: verb } : `"${verb}" stands alone, without "${rest}"`;
    case 'backfill':
      return parseBackfill(rest);
    case 'allow':
      return parseAllowance(rest);
    default:
      return `there is no mark "${verb}": write one of ${understood}`;
  }
}

function parseBackfill(text: string): Mark | string {
  const { table, key, rows } = backfillMark.exec(text)?.groups ?? {};
  if (table === undefined || key === undefined) {
    return 'a backfill names its table and the unique key to walk along: -- holdfast: backfill members by id, 1000 rows';
  }
  const chunk = rows === undefined ? defaultRows : Number(rows);
  if (chunk < 1 || chunk > mostRows) return `a chunk has 1 to ${mostRows} rows`;
  return { kind: 'backfill', backfill: { table: unquoted(table), key: unquoted(key), rows: chunk } };
}

function unquoted(name: string): string {
  return name.replaceAll('`', '');
}

function parseAllowance(text: string): Mark | string {
  const { rule, reason } = allowMark.exec(text)?.groups ?? {};
  if (rule === undefined) return 'an allowance names a rule and a reason: -- holdfast: allow RULE REASON';
  if (reason === undefined) return `the allowance of ${rule} needs a reason behind it`;
  return { kind: 'allow', allowance: { rule, reason } };
}

interface Receivers {
  readonly said: { repeatable: boolean; readonly allowances: Allowance[] }[];
  readonly phases: Extract<Mark, { kind: 'contract' | 'backfill' }>[];
}

/** Gives a mark to whom it belongs. @returns what is wrong */
function give(mark: Mark, { after }: SplitMark, { said, phases }: Receivers): string | undefined {
  if (mark.kind === 'contract' || mark.kind === 'backfill') {
    if (after > 0) return `"${mark.kind}" is for the whole file: write it above the first statement`;
    if (phases.length > 0) return 'a file has one phase: this is the second mark for it';
    phases.push(mark);
    return undefined;
  }
  const statement = said[after];
  if (!statement) return `"${mark.kind}" stands above a statement, but none follows`;
  if (mark.kind === 'repeatable') statement.repeatable = true;
  else statement.allowances.push(mark.allowance);
  return undefined;
}

/** A statement that does not keep to its chunk would be run over all rows again and again. */
function chunkProblems(split: readonly SplitStatement[]): SplitProblem[] {
  return split
    .filter(({ sql }) => !isInChunks(sql))
    .map(({ line }) => ({
      line,
      message:
        'a statement of a backfill changes the rows of one chunk: UPDATE, INSERT, REPLACE or DELETE … WHERE key BETWEEN @chunk_first AND @chunk_last',
    }));
}

function isInChunks(sql: string): boolean {
  const isChange = ['UPDATE', 'INSERT', 'REPLACE', 'DELETE'].includes(leadingWords(sql, 1)[0] ?? '');
  const used = userVariables(sql);
  return isChange && chunkVariables.every((name) => used.has(name));
}

/** Names behind a single @, in upper case. */
function userVariables(sql: string): Set<string> {
  const found = new Set<string>();
  let before = '';
  for (let position = 0; position < sql.length;) {
    const { kind, end } = tokenAt(sql, position);
    const text = sql.slice(position, Math.min(end, position + longestVariable));
    if (kind === 'word' && before === '@') found.add(text.toUpperCase());
    before = text;
    position = end;
  }
  return found;
}

const longestVariable = 64;
