/** What `migrate lint` finds of the corpus of schema changes, on one shadow. */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { readSession, type SessionSettings } from '../../src/migration/connect.ts';
import { observeBaseline, type Baseline } from '../../src/migration/lint/baseline.ts';
import type { Finding } from '../../src/migration/lint/finding.ts';
import { lintSteps, type LintPlace } from '../../src/migration/lint/lint-steps.ts';
import { openConnections } from '../../src/migration/lint/lint-place.ts';
import type { Parameter, RecordedStatement } from '../../src/migration/lint/recording.ts';
import { standaloneSettings } from '../../src/migration/lint/standalone-settings.ts';
import type { Step } from '../../src/migration/shadow/rehearsal.ts';
import { startShadow, type ShadowServer } from '../../src/migration/shadow/shadow-server.ts';
import { queriesOf, readCorpus, type CorpusChange, type CorpusQuery } from './corpus/corpus.ts';
import { lintFolder } from './lint-folder.ts';
import { setOf } from './support.ts';

const corpus = readCorpus();
const schema = atOnce(corpus.schema);
const signal = new AbortController().signal;
const searchPath = process.env['PATH'] ?? '';
let folder: string;
let shadow: ShadowServer;
let session: SessionSettings;
let place: LintPlace;
/** Of the schema and the queries that most changes have. */
let usual: Baseline;
const createDatabase = 'CREATE DATABASE app CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci';

before(async () => {
  folder = await lintFolder();
  const live = await standaloneSettings(searchPath);
  shadow = await startShadow({
    temporary: folder,
    searchPath,
    live: { ...live, database: 'app', createDatabase },
    signal,
  });
  session = await readSession(await shadow.connect());
  place = { ...(await openConnections(shadow, session)), database: 'app', session, signal };
  await prepare('');
  usual = await observe(corpus.queries);
});
after(async () => {
  await shadow[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Makes the database anew. */
async function prepare(more: string): Promise<void> {
  await place.application.query(`DROP DATABASE app; ${createDatabase}; USE app`);
  await place.migrator.query('USE app');
  await place.application.query(schema);
  if (more !== '') await place.application.query(atOnce(more));
}

/** The statements of a file as one text for the server, which needs no delimiter for routines. */
function atOnce(text: string): string {
  return stepsOf(text)
    .map(({ statement }) => statement.sql)
    .join(';\n');
}

function stepsOf(text: string, phase = ''): Step[] {
  const set = setOf({ 'V1__change.sql': `${phase === 'contract' ? '-- holdfast: contract\n' : ''}${text}` });
  return set.files.flatMap((file) => file.statements.map((statement) => ({ file, statement })));
}

function observe(queries: Readonly<Record<string, CorpusQuery>>): Promise<Baseline> {
  const recorded = Object.entries(queries).map(([name, query]) => recordedOf(name, query));
  return observeBaseline(place.application, { database: 'app', signal }, recorded);
}

function recordedOf(name: string, { sql, params }: CorpusQuery): RecordedStatement {
  return { name, statement: sql, parameters: params.map(parameterOf) };
}

function parameterOf(parameter: CorpusQuery['params'][number]): Parameter {
  const [[type, value] = ['null', 'varchar']] = Object.entries(parameter);
  return type === 'null'
    ? { type: value as Parameter['type'], value: null }
    : { type: type as Parameter['type'], value };
}

async function lint(change: CorpusChange): Promise<Finding[]> {
  await prepare(change.schema ?? '');
  const isUsual =
    change.schema === undefined && change.queries === undefined && change.replaces === undefined;
  const baseline = isUsual ? usual : await observe(queriesOf(corpus, change));
  assert.deepEqual(baseline.untried, []);
  return lintSteps(place, stepsOf(change.migration, change.phase), baseline);
}

/** Of the queries that a change says to notice it, those that no finding names. */
function unnamed(change: CorpusChange, findings: readonly Finding[]): string[] {
  const named = new Set(findings.flatMap(({ uses }) => uses.map(({ statement }) => statement)));
  // What a sequence gives is never twice the same: the rule names the sequence.
  if (findings.some(({ rule }) => rule === 'restarts-sequence')) return [];
  return Object.keys(change.breaks ?? {}).filter((query) => !named.has(query));
}

test('every breaking change of the corpus is found with all that notice it, and no safe one is taken for one', async (context) => {
  const missed: string[] = [];
  const alarms: string[] = [];
  const queries: string[] = [];
  for (const [name, change] of corpus.changes) {
    const errors = (await lint(change)).filter(({ severity }) => severity === 'error');
    if (change.verdict === 'breaking' && errors.length === 0) missed.push(name);
    if (change.verdict === 'safe' && errors.length > 0) alarms.push(name);
    queries.push(...unnamed(change, errors).map((query) => `${name}: ${query}`));
  }
  context.diagnostic(
    `${corpus.changes.size} changes, missed: ${missed.join(', ')}; false alarms: ${alarms.join(', ')}`,
  );
  assert.deepEqual(missed, []);
  assert.deepEqual(queries, []);
  // Between its two statements there is no table: the change is called safe for its end only.
  assert.deepEqual(alarms, ['rename-table-behind-view']);
});
