/**
 * Migrators, and servers, that are killed in and between the chunks of a backfill. HOLDFAST_BACKFILL_KILLS says how
 * often in all, HOLDFAST_SEED at which random moments.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readMigrations } from '../../src/migration/source.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';
import { countOf, seeded } from './counts.ts';
import { endRun, endRuns, folderOf, remove } from './kill-rig.ts';
import { withDatabase, withFilledDatabase, type TestDatabase } from './support.ts';

const victims = ['the migrator', 'the server', 'the migrator and the server'] as const;
const times = Math.ceil(countOf('BACKFILL_KILLS', 9) / victims.length);
const random = seeded();
const numberOfRows = 1_200;

const files = {
  'V1__tables.sql': `CREATE TABLE n (id BIGINT PRIMARY KEY, n INT NOT NULL);
INSERT INTO n SELECT seq * 3, 0 FROM seq_1_to_${numberOfRows};
CREATE TABLE entry (at INT PRIMARY KEY AUTO_INCREMENT, id BIGINT NOT NULL);`,
  'V2__fill.sql': `-- holdfast: backfill n by id, 40 rows
UPDATE n SET n = n + 1 WHERE id BETWEEN @chunk_first AND @chunk_last;
INSERT INTO entry (id) SELECT id FROM n WHERE id BETWEEN @chunk_first AND @chunk_last;`,
  'V3__after.sql': 'ALTER TABLE n ADD done BOOLEAN NOT NULL DEFAULT TRUE;',
};

let server: TestServer;
let folder: string;
before(async () => {
  server = await startMariadb();
  folder = await folderOf(files);
});
after(async () => {
  await server.close();
  await remove([folder]);
});

async function requireOnce({ run, rows }: TestDatabase): Promise<void> {
  await run(await readMigrations(folder));
  assert.deepEqual(await rows('SELECT n, COUNT(*) FROM n GROUP BY n'), [[1, numberOfRows]]);
  assert.deepEqual(await rows('SELECT COUNT(*), COUNT(DISTINCT id) FROM entry'), [
    [numberOfRows, numberOfRows],
  ]);
}

for (const victim of victims) {
  test(`a backfill changes every row once although ${victim} is killed (${times} times)`, () =>
    endRuns({
      name: `${victim} in a backfill`,
      times,
      begin: () => withDatabase(server, () => Promise.resolve()),
      endRun: () =>
        endRun(
          {
            url: server.urlOf(testAccounts.migrator),
            args: [folder],
            killServer: () => server.kill(),
            startServer: () => server.start(),
            cut: () => undefined,
          },
          victim,
          {
            isCounted: (line) => line.includes('"kind":"backfill"'),
            lines: 1 + Math.floor(random() * 24),
            laterMs: random() * 6,
          },
        ),
      finish: () => withFilledDatabase(server, requireOnce),
    }));
}
