/**
 * The corpus of schema changes by which the detection of breaking changes is measured: a schema, the queries
 * that the old version of an application sends, and changes, each with its verdict. README.md tells the form.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const parameter = z
  .partialRecord(
    z.enum(['int', 'bigint', 'decimal', 'varchar', 'text', 'json', 'date', 'datetime', 'null']),
    z.union([z.string(), z.number()]),
  )
  .refine((value) => Object.keys(value).length === 1, 'a parameter has one type and one value');

const query = z.strictObject({
  sql: z.string(),
  params: z.array(parameter),
  /** A query in the same transaction that shows what a write has done. */
  check: z.string().optional(),
});

/**
 * What the old version notices: the server refuses the query; it warns; a read returns something else; a
 * write leaves something else behind.
 */
const how = z.enum(['error', 'warning', 'rows', 'effect']);

const change = z
  .strictObject({
    title: z.string(),
    verdict: z.enum(['breaking', 'safe']),
    area: z.enum([
      'charset',
      'column',
      'constraint',
      'data',
      'default',
      'enum',
      'generated',
      'index',
      'partition',
      'routine',
      'table',
      'trigger',
      'type',
      'view',
    ]),
    phase: z.enum(['expand', 'backfill', 'contract']).optional(),
    /** What is there before, besides schema.sql. */
    schema: z.string().optional(),
    migration: z.string(),
    /** Queries that the old version sends in this case only. */
    queries: z.record(z.string(), query).optional(),
    /** Queries of queries.yaml that it does not send in this case. */
    replaces: z.array(z.string()).optional(),
    /** The old version is broken after so many statements, and whole again when all have run. */
    between: z.number().int().positive().optional(),
    /** Every query that notices the change, and how. */
    breaks: z.record(z.string(), how).optional(),
    /** For what the recorded values don't show: the query with others, which works before and not after. */
    proof: z.array(query.extend({ how })).optional(),
    /** Queries whose rows differ, and why that is no harm. */
    tolerated: z.record(z.string(), z.string()).optional(),
    /** Queries that are slower. */
    slower: z.array(z.string()).optional(),
    why: z.string(),
  })
  .refine(
    ({ verdict, breaks, proof }) =>
      (verdict === 'breaking') === (breaks !== undefined || proof !== undefined),
    'a breaking change, and no other, has queries that break, or a proof',
  );

export type CorpusQuery = z.infer<typeof query>;
export type CorpusChange = z.infer<typeof change>;
export type How = z.infer<typeof how>;

export interface Corpus {
  /** SQL, with DELIMITER. */
  readonly schema: string;
  readonly queries: Readonly<Record<string, CorpusQuery>>;
  /** By the names of their files. */
  readonly changes: ReadonlyMap<string, CorpusChange>;
}

/** Reads the corpus. Throws when a file of it has not its form. */
export function readCorpus(): Corpus {
  const changes = new Map<string, CorpusChange>();
  for (const file of readdirSync(new URL('changes/', import.meta.url)).toSorted()) {
    changes.set(file.replace(/\.yaml$/, ''), readYaml(`changes/${file}`, change));
  }
  return {
    schema: read('schema.sql'),
    queries: readYaml('queries.yaml', z.record(z.string(), query)),
    changes,
  };
}

/** The queries that the old version sends when `change` is made. */
export function queriesOf({ queries }: Corpus, change: CorpusChange): Record<string, CorpusQuery> {
  const left = Object.entries(queries).filter(([name]) => change.replaces?.includes(name) !== true);
  return { ...Object.fromEntries(left), ...change.queries };
}

/** A value as a client of the server gives it. */
export function parameterValue(parameter: CorpusQuery['params'][number]): string | number | null {
  const [[type, value] = ['null', '']] = Object.entries(parameter);
  return type === 'null' ? null : value;
}

function readYaml<T>(path: string, schema: z.ZodType<T>): T {
  const result = schema.safeParse(parse(read(path)));
  if (result.success) return result.data;
  throw new Error(`${path}: ${z.prettifyError(result.error)}`);
}

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}
