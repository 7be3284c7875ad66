/**
 * A recording: what the running version of an application sends to its database, without anybody's data.
 * A file of JSON lines, each one of
 *
 *     {"statement": "SELECT name FROM members WHERE id = ?", "parameters": [{"type": "bigint", "value": 1}]}
 *     {"rows": "members", "columns": ["id", "name"], "values": [[1, "Anna"]]}
 *
 * Values are made up; rows are there for the statements to find something. Empty lines are left alone.
 */

import { z } from 'zod';
import { UserError } from '../../app/failure.ts';

/** Where a recording lies in the folder of the migrations. */
export const recordingName = 'recording.jsonl';

const parameterTypes = [
  'int',
  'bigint',
  'decimal',
  'double',
  'varchar',
  'text',
  'json',
  'blob',
  'date',
  'datetime',
  'time',
  'unknown',
] as const;

const parameter = z.strictObject({
  type: z.enum(parameterTypes),
  /** Numbers too large or too exact for JSON, and times, as texts; a blob in hex; null of an unknown type. */
  value: z.union([z.string(), z.number()]).nullable(),
});

const recordedStatement = z.strictObject({
  statement: z.string().min(1),
  parameters: z.array(parameter).default([]),
  /** What people call it; without it its text stands for it. */
  name: z.string().min(1).optional(),
  /** Who was seen to send it: services, or accounts of the database. */
  seen: z.array(z.string().min(1)).optional(),
});

const recordedRows = z
  .strictObject({
    rows: z.string().min(1),
    columns: z.array(z.string()).min(1),
    values: z.array(z.array(z.union([z.string(), z.number()]).nullable())),
  })
  .refine(({ columns, values }) => values.every(({ length }) => length === columns.length), {
    error: 'a row has as many values as there are columns',
  });

export type Parameter = z.infer<typeof parameter>;
export type ParameterType = Parameter['type'];
export type RecordedStatement = z.infer<typeof recordedStatement>;
export type RecordedRows = z.infer<typeof recordedRows>;

export interface Recording {
  readonly statements: readonly RecordedStatement[];
  /** In the order in which they are to be inserted. */
  readonly rows: readonly RecordedRows[];
}

/** Parses the text of a recording; `file` is for messages. Throws `UserError` with every line that is wrong. */
export function parseRecording(file: string, text: string): Recording {
  const statements: RecordedStatement[] = [];
  const rows: RecordedRows[] = [];
  const problems: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const parsed = parseLine(line);
    if (typeof parsed === 'string') problems.push(`  ${file}:${index + 1}: ${parsed}`);
    else if ('rows' in parsed) rows.push(parsed);
    else statements.push(parsed);
  }
  if (problems.length > 0) throw new UserError(`the recording can't be read:\n${problems.join('\n')}`);
  return { statements, rows };
}

/** What a line says, or what is wrong with it. */
function parseLine(line: string): RecordedStatement | RecordedRows | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'is not JSON';
  }
  const isRows = typeof value === 'object' && value !== null && 'rows' in value;
  const result = isRows ? recordedRows.safeParse(value) : recordedStatement.safeParse(value);
  return result.success ? result.data : z.prettifyError(result.error).replaceAll('\n', ' ');
}

/** The recording as a file has it: statements in an order that is always the same, then rows. */
export function recordingText({ statements, rows }: Recording): string {
  const lines = statements.map(({ name, statement, parameters, seen }) =>
    JSON.stringify({ ...(name === undefined ? {} : { name }), statement, parameters, seen }),
  );
  return [...lines.toSorted(), ...rows.map((row) => JSON.stringify(row))].map((line) => `${line}\n`).join('');
}

/** Both together, each statement once; who has sent it is told of both. */
export function mergedRecordings(one: Recording, other: Recording): Recording {
  const statements = new Map<string, RecordedStatement>();
  for (const recorded of [...one.statements, ...other.statements]) {
    const key = JSON.stringify([recorded.statement, recorded.parameters]);
    const { seen = [], ...known } = statements.get(key) ?? recorded;
    const all = [...new Set([...seen, ...(recorded.seen ?? [])])].toSorted();
    statements.set(key, all.length === 0 ? known : { ...known, seen: all });
  }
  return { statements: [...statements.values()], rows: [...one.rows, ...other.rows] };
}

const mostShown = 100;

/** What people know the statement by. */
export function nameOf({ name, statement }: RecordedStatement): string {
  if (name !== undefined) return name;
  const line = statement.replaceAll(/\s+/g, ' ').trim();
  return line.length <= mostShown ? line : `${line.slice(0, mostShown - 1)}…`;
}
