/**
 * Migrators and servers killed at random moments: whatever is killed, the runs after it end by themselves
 * with every statement applied exactly once. HOLDFAST_KILLS says how many rounds of each kind, HOLDFAST_SEED
 * which random moments.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readMigrations } from '../../src/migration/source.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';
import { withDatabase, withFilledDatabase, type TestDatabase } from './support.ts';

/** Counts up whatever would be wrong if it were applied twice or left out. */
const files = {
  'V1__start.sql': `CREATE TABLE n (id INT PRIMARY KEY, n INT NOT NULL, pad CHAR(200) NOT NULL DEFAULT '');
INSERT INTO n (id, n) SELECT seq, 0 FROM seq_1_to_4000;
UPDATE n SET n = n + 1;
CREATE TABLE entry (id INT PRIMARY KEY AUTO_INCREMENT, what TEXT);`,
  'V2__change.sql': `INSERT INTO entry (what) VALUES ('first');
ALTER TABLE n ADD a INT NOT NULL DEFAULT 1, ALGORITHM = COPY;
UPDATE n SET n = n + a;
ALTER TABLE n DROP a, ALGORITHM = COPY;
SET @two = 2;
INSERT INTO entry (what) VALUES (@two);
CREATE VIEW v AS SELECT SUM(n) AS n FROM n;`,
  'V3__more.sql': `RENAME TABLE n TO m;
DROP VIEW v;
UPDATE m SET n = n + 1;
CREATE TRIGGER t BEFORE INSERT ON entry FOR EACH ROW BEGIN SET NEW.what = CONCAT(NEW.what, '!'); END;
INSERT INTO entry (what) VALUES ('last');
ALTER TABLE m ADD INDEX (n), ALGORITHM = COPY;`,
};
const statements = 17;

const rounds = Number(process.env['HOLDFAST_KILLS'] ?? 6);
const random = generator(Number(process.env['HOLDFAST_SEED'] ?? 1));

let server: TestServer;
let folder: string;
before(async () => {
  server = await startMariadb();
  folder = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  for (const [file, sql] of Object.entries(files)) await writeFile(join(folder, file), sql);
});
after(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const victims = ['the migrator', 'the server', 'the migrator and the server'] as const;
type Victim = (typeof victims)[number];

for (const victim of victims) {
  test(`every statement is applied once although ${victim} is killed (${rounds} times)`, async () => {
    for (let kills = 0; kills < rounds;) {
      await withDatabase(server, () => Promise.resolve());
      while (kills < rounds && (await killedRun(victim))) kills += 1;
      await withFilledDatabase(server, requireOnce);
    }
  });
}

/** Ends what is left to do and looks at the result. */
async function requireOnce({ run, rows }: TestDatabase): Promise<void> {
  await run(await readMigrations(folder));
  assert.deepEqual(await rows('SELECT MIN(n), MAX(n), COUNT(*) FROM m'), [[3, 3, 4000]]);
  assert.deepEqual(await rows('SELECT what FROM entry ORDER BY id'), [['first'], ['2'], ['last!']]);
  const count = "SELECT COUNT(*) FROM holdfast_migration WHERE state = 'applied'";
  assert.deepEqual(await rows(count), [[statements]]);
}

/** Starts a migrator and kills at a random moment of its work; false when it was faster. */
async function killedRun(victim: Victim): Promise<boolean> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'migrator.ts'), folder], {
    env: { ...process.env, DATABASE_URL: server.urlOf(testAccounts.migrator) },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'close');
  const wanted = 1 + Math.floor(random() * 8);
  let events = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    assert.notEqual(line, '');
    events += 1;
    if (events === wanted) break;
  }
  await delay(random() * 30);
  const wasAtWork = child.exitCode === null;
  if (victim !== 'the server') child.kill('SIGKILL');
  if (victim !== 'the migrator') await server.kill();
  await ended;
  if (victim !== 'the migrator') await server.start();
  return wasAtWork;
}

/** A small generator of numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
