/**
 * The tests of migrations once more on a second series of MariaDB: a sample, or all of them on one server, with
 * HOLDFAST_SECOND_SERIES_KILLS kills, in a long count. They find their server, and the shadow's, by PATH.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { NotToBeHad, secondMariadb, secondSeries } from '../support/second-mariadb.ts';
import { countOf } from './counts.ts';

const sample = [
  '--test-name-pattern=although the migrator and the server is killed',
  '--test-name-pattern=a shadow foresees',
  '--test-name-pattern=statements of both protocols are recorded',
  'kill.test.ts',
  'record.test.ts',
  'shadow.test.ts',
];
/** Galera is not in the package. */
const others = ['galera.test.ts', 'second-series.test.ts'];

test(`what is promised of migrations holds on MariaDB ${secondSeries}`, async (context) => {
  const folders = await secondMariadb().catch((error: unknown) => {
    if (error instanceof NotToBeHad) return error;
    throw error;
  });
  if (folders instanceof NotToBeHad) {
    context.skip(folders.message);
    return;
  }
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, ['--test', '--test-concurrency=1', ...(await wanted())], {
    cwd: import.meta.dirname,
    env: {
      ...env,
      PATH: [...folders, env['PATH'] ?? ''].join(':'),
      HOLDFAST_KILLS: String(countOf('SECOND_SERIES_KILLS', 8)),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
    signal: context.signal,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, output);
  assert.match(output, /pass [1-9]/);
});

/** Arguments of node --test. */
async function wanted(): Promise<string[]> {
  if (process.env['HOLDFAST_SOAK'] === undefined) return sample;
  const names = await readdir(import.meta.dirname, { recursive: true });
  return names.filter((name) => name.endsWith('.test.ts') && !others.includes(name));
}
