/** A migrator that is killed beside its shadow: the shadow ends with it, and the next run tidies up. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readMigrations } from '../../src/migration/source.ts';
import { until } from '../database/verb.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';
import { countingFiles, requireAppliedOnce } from './counting-set.ts';
import { withFilledDatabase } from './support.ts';

let server: TestServer;
let parent: string;
before(async () => {
  server = await startMariadb();
  parent = await mkdtemp(join(tmpdir(), 'holdfast-shadow-kill-'));
});
after(async () => {
  await server.close();
  await rm(parent, { recursive: true, force: true });
});

/** How many servers of this machine work below a folder. */
async function serversBelow(folder: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    // A process may end while it is looked at.
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return commands.filter((command) => command.includes(`--datadir=${folder}`)).length;
}

test('its mariadbd is gone with it, and the next run removes the folder and applies everything once', async () => {
  const folder = join(parent, 'set');
  const temporary = join(parent, 'shadows');
  await mkdir(folder);
  for (const [file, sql] of Object.entries(countingFiles)) await writeFile(join(folder, file), sql);
  const migrator = spawn(process.execPath, [join(import.meta.dirname, 'migrator.ts'), folder, temporary], {
    env: { ...process.env, DATABASE_URL: server.urlOf(testAccounts.migrator) },
    stdio: 'ignore',
  });
  const ended = once(migrator, 'close');
  try {
    await until(
      () => 'a shadow runs',
      async () => (await serversBelow(temporary)) > 0,
    );
  } finally {
    migrator.kill('SIGKILL');
    await ended;
  }
  await until(
    () => 'its shadow has ended',
    async () => (await serversBelow(temporary)) === 0,
  );
  assert.equal((await readdir(temporary)).length, 1);
  await withFilledDatabase(server, async ({ run, rows }) => {
    await run(await readMigrations(folder), {
      shadow: { temporary, searchPath: process.env['PATH'] ?? '' },
    });
    await requireAppliedOnce(rows);
  });
  assert.deepEqual(await readdir(temporary), []);
});
