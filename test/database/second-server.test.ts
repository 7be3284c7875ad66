/** MariaDB tries for half a minute to get the data, so this has a file of its own and runs beside the others. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { databaseAnswers } from '../../src/database/probe.ts';
import { requireProgram } from '../../src/platform/programs.ts';
import { startMariadb } from '../support/mariadb.ts';

test('a second server on the same data ends by itself and the first one goes on', async () => {
  const server = await startMariadb();
  try {
    const program = requireProgram('mariadbd', process.env['PATH'] ?? '');
    const child = execFile(program, [
      '--no-defaults',
      `--datadir=${server.configuration.paths.data}`,
      `--socket=${join(server.folder, 'second.sock')}`,
      '--skip-networking',
      ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    ]);
    const [code] = await once(child, 'exit');
    assert.notEqual(code, 0);
    assert.ok(await databaseAnswers(server.url(), 5_000, new AbortController().signal));
  } finally {
    await server.close();
  }
});
