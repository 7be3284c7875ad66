/**
 * What `migrate lint` finds of the corpus when what the old version sends is recorded on a real server, with values
 * that are made up, instead of written by hand. A sample; HOLDFAST_RECORDED_CHANGES says how many changes.
 */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { lintMigrations } from '../../src/migration/lint/lint-migrations.ts';
import type { Recording } from '../../src/migration/lint/recording.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { parameterValue, readCorpus, type CorpusChange } from './corpus/corpus.ts';
import { lintFolder } from './lint-folder.ts';
import { recordedDuring } from './recorded.ts';
import { setOf, withDatabase } from './support.ts';

const corpus = readCorpus();
const searchPath = process.env['PATH'] ?? '';
const signal = new AbortController().signal;
const wanted = Number(process.env['HOLDFAST_RECORDED_CHANGES'] ?? '3');

/** What the made-up values don't show: letters of another case, and rows of one category only. */
const notShown = new Set(['case-sensitive-key', 'filter-view']);
/** Between its two statements there is no table: the corpus calls the change safe for its end only. */
const alarmed = new Set(['rename-table-behind-view']);

let server: TestServer;
let temporary: string;
before(async () => {
  server = await startMariadb();
  temporary = await lintFolder();
});
after(async () => {
  await server.close();
  await rm(temporary, { recursive: true, force: true });
});

/** Changes of the common schema for which the common queries are sent, spread over the corpus. */
function sample(): (readonly [string, CorpusChange])[] {
  const usual = [...corpus.changes].filter(
    ([, { schema, queries, replaces }]) => (schema ?? queries ?? replaces) === undefined,
  );
  const step = Math.max(1, usual.length / wanted);
  return usual.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

/** Sends every query of the corpus as the application while it is recorded. */
async function recordCorpus(url: string): Promise<Recording> {
  const application = await createConnection({ ...connectionOptions(url), dateStrings: true });
  try {
    const { statements } = await recordedDuring(server.url(), async () => {
      for (const { sql, params } of Object.values(corpus.queries)) {
        await application.query('START TRANSACTION');
        await application.execute(sql, params.map(parameterValue));
        await application.query('ROLLBACK');
      }
    });
    return { statements, rows: [] };
  } finally {
    application.destroy();
  }
}

test('a recording finds what breaks, and no more', () =>
  withDatabase(server, async ({ run, serviceUrl }) => {
    await run(setOf({ 'V1__schema.sql': corpus.schema }));
    const recording = await recordCorpus(serviceUrl);
    // Those of the routines and triggers that they run are not among them.
    assert.equal(recording.statements.length, Object.keys(corpus.queries).length);
    const wrong: string[] = [];
    for (const [name, { migration, phase, verdict }] of sample()) {
      const mark = phase === 'contract' ? '-- holdfast: contract\n' : '';
      const set = setOf({ 'V1__schema.sql': corpus.schema, 'V2__change.sql': `${mark}${migration}` });
      const shadow = { temporary, searchPath };
      const { findings } = await lintMigrations({ set, from: '1', shadow, recording, signal });
      const isFound = findings.some(({ severity }) => severity === 'error');
      if (isFound !== (verdict === 'breaking')) wrong.push(name);
    }
    assert.deepEqual(
      wrong.filter((name) => !notShown.has(name) && !alarmed.has(name)),
      [],
    );
  }));
