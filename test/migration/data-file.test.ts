/**
 * A file with much data is applied whole, by a migrator that has little memory. HOLDFAST_DATA_MEGABYTES says how large
 * it is.
 */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startVerb } from '../database/verb.ts';
import { startMariadb, testAccounts } from '../support/mariadb.ts';
import { countOf } from './counts.ts';
import { withFilledDatabase } from './support.ts';

const megabytes = countOf('DATA_MEGABYTES', 4);
const heapMegabytes = 200;
const rowsAtOnce = 2_000;

test(`a file with ${megabytes} MB of data is applied once, with ${heapMegabytes} MB of memory`, async () => {
  const server = await startMariadb();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-data-file-'));
  try {
    const row = `(NULL, '${"Anna O\\'Hara; and -- others ".repeat(4)}')`;
    const statement = `INSERT INTO member VALUES ${Array.from({ length: rowsAtOnce }, () => row).join(',\n')};\n`;
    const count = Math.ceil((megabytes * 1_000_000) / statement.length);
    const table = 'CREATE TABLE member (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200));\n';
    await writeFile(join(folder, 'V1__data.sql'), table + statement.repeat(count));
    await using run = startVerb(['migrate', 'run', folder], {
      DATABASE_URL: server.urlOf(testAccounts.migrator),
      NODE_OPTIONS: `--max-old-space-size=${heapMegabytes}`,
    });
    const { code, stderr } = await run.ended;
    assert.equal(code, 0, stderr);
    await withFilledDatabase(server, async ({ rows }) => {
      const [[all, states] = []] = await rows(
        'SELECT (SELECT COUNT(*) FROM member), (SELECT GROUP_CONCAT(DISTINCT state) FROM holdfast_migration)',
      );
      assert.deepEqual([all, states], [count * rowsAtOnce, 'applied']);
    });
  } finally {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
});
