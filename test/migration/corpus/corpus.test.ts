/** The corpus keeps its word on a real server: what it calls breaking breaks as it says, and nothing else does. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createConnection, type Connection } from 'mysql2/promise';
import { connectionOptions } from '../../../src/database/connection-url.ts';
import { splitStatements } from '../../../src/migration/statements.ts';
import { startMariadb, type TestServer } from '../../support/mariadb.ts';
import { queriesOf, readCorpus, type CorpusChange, type CorpusQuery } from './corpus.ts';
import { difference, observe, type Observation } from './observe.ts';

const corpus = readCorpus();
/** Most of the time goes into waiting for the server's files. */
const atOnce = 4;
let server: TestServer;
/** Databases that nobody works in. */
const idle: Workplace[] = [];
/** What each query does on the schema alone, those of the changes' own included. */
let onSchema: Observations;
before(async () => {
  server = await startMariadb();
  for (let number = 1; number <= atOnce; number += 1) {
    const connection = await createConnection({ ...connectionOptions(server.url()), dateStrings: true });
    idle.push({ connection, database: `corpus${number}` });
  }
  const own = [...corpus.changes].filter(([, change]) => change.schema === undefined);
  const queries = own.flatMap(([name, change]) => Object.entries(ownQueries(name, change)));
  onSchema = await inDatabase(async (work) => {
    await prepare(work, []);
    return observeAll(work, { ...corpus.queries, ...Object.fromEntries(queries) });
  });
});
after(async () => {
  for (const { connection } of idle) await connection.end();
  await server.close();
});

interface Workplace {
  readonly connection: Connection;
  readonly database: string;
}

/** Works in a database that is idle: no more work is done at once than there are. */
async function inDatabase<T>(work: (place: Workplace) => Promise<T>): Promise<T> {
  const place = idle.pop();
  assert.ok(place);
  try {
    return await work(place);
  } finally {
    idle.push(place);
  }
}

/** Makes the database anew with the schema and what comes after it. */
async function prepare(work: Workplace, files: readonly string[]): Promise<void> {
  const { connection, database } = work;
  await connection.query(`DROP DATABASE IF EXISTS ${database}`);
  await connection.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  await connection.query(`USE ${database}`);
  for (const text of [corpus.schema, ...files]) await runStatements(work, statementsOf(text));
}

function statementsOf(text: string): string[] {
  const { statements, problems } = splitStatements(text);
  assert.deepEqual(problems, []);
  return statements.map(({ sql }) => sql);
}

async function runStatements({ connection }: Workplace, statements: readonly string[]): Promise<void> {
  for (const sql of statements) await connection.query(sql);
  await connection.query('SET SESSION sql_mode = DEFAULT, foreign_key_checks = DEFAULT');
}

type Observations = ReadonlyMap<string, Observation>;
type Queries = Readonly<Record<string, CorpusQuery>>;

async function observeAll({ connection }: Workplace, queries: Queries): Promise<Observations> {
  const observations = new Map<string, Observation>();
  for (const [name, query] of Object.entries(queries))
    observations.set(name, await observe(connection, query));
  return observations;
}

/** The queries of a change itself and those of its proof. */
function ownQueries(name: string, { queries, proof }: CorpusChange): Record<string, CorpusQuery> {
  const proofs = (proof ?? []).map((query, index) => [`${name} ${index + 1}`, query] as const);
  return { ...queries, ...Object.fromEntries(proofs) };
}

/** What the change says of each query that notices it. */
function expected(name: string, change: CorpusChange): Record<string, string> {
  const proofs = (change.proof ?? []).map(({ how }, index) => [`${name} ${index + 1}`, how] as const);
  const tolerated = Object.keys(change.tolerated ?? {}).map((query) => [query, 'rows'] as const);
  return { ...change.breaks, ...Object.fromEntries([...proofs, ...tolerated]) };
}

/** What each query does before the change. */
async function observeBefore(
  work: Workplace,
  { schema }: CorpusChange,
  queries: Queries,
): Promise<Observations> {
  if (schema === undefined) return onSchema;
  await prepare(work, [schema]);
  return observeAll(work, queries);
}

/** How each query notices what has happened since it was observed. */
async function noticed(
  work: Workplace,
  queries: Queries,
  old: Observations,
): Promise<Record<string, string>> {
  const present = await observeAll(work, queries);
  const found: Record<string, string> = {};
  for (const [query, definition] of Object.entries(queries)) {
    const [one, other] = [old.get(query), present.get(query)];
    assert.ok(one && other);
    assert.equal(one.error, undefined, query);
    const how = difference(definition, one, other);
    if (how !== undefined) found[query] = how;
  }
  return found;
}

test('the corpus is as large and as varied as was promised', () => {
  const changes = [...corpus.changes.values()];
  for (const verdict of ['breaking', 'safe']) {
    const those = changes.filter((change) => change.verdict === verdict);
    assert.ok(those.length >= 30);
    assert.ok(new Set(those.map(({ area }) => area)).size >= 12);
  }
  assert.ok(Object.keys(corpus.queries).length >= 40);
});

describe('each change does to the old version what it says', { concurrency: atOnce }, () => {
  for (const [name, change] of corpus.changes) {
    test(`${name}: ${change.title} (${change.verdict})`, () =>
      inDatabase(async (work) => {
        const queries = { ...queriesOf(corpus, change), ...ownQueries(name, change) };
        const old = await observeBefore(work, change, queries);
        await prepare(work, [change.schema ?? '']);
        await runStatements(work, statementsOf(change.migration).slice(0, change.between));
        assert.deepEqual(await noticed(work, queries, old), expected(name, change));
        if (change.between === undefined) return;
        await prepare(work, [change.schema ?? '', change.migration]);
        assert.deepEqual(await noticed(work, queries, old), {});
      }));
  }
});
