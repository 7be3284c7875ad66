/** Whether the checks of the kills can fail at all: a migrator that writes its journal too late is caught. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { Killed, migrateCarelessly } from './careless-migrator.ts';
import { countingFiles, countingStatements, generator, requireAppliedOnce } from './counting-set.ts';
import { setOf, withDatabase, type TestDatabase } from './support.ts';

const rounds = 12;
const random = generator(1);
const set = setOf(countingFiles);

let server: TestServer;
before(async () => {
  server = await startMariadb();
});
after(() => server.close());

/** Runs it on a connection of its own, which a kill ends too. */
async function run({ url }: TestDatabase, mayGoOn: () => boolean): Promise<void> {
  const connection = await createConnection(connectionOptions(url));
  try {
    await migrateCarelessly(connection, set, mayGoOn);
  } finally {
    connection.destroy();
  }
}

/** Kills it once at a random step, lets another go on, and checks. @returns whether something is found wrong */
async function isCaught(): Promise<boolean> {
  let caught = false;
  await withDatabase(server, async (database) => {
    caught = await isWrong(database);
  });
  return caught;
}

async function isWrong(database: TestDatabase): Promise<boolean> {
  let left = 1 + Math.floor(random() * 3 * countingStatements);
  await assert.rejects(
    run(database, () => (left -= 1) > 0),
    Killed,
  );
  try {
    await run(database, () => true);
    await requireAppliedOnce(database.rows);
    return false;
  } catch {
    // A statement that can't run twice is refused by the server, one that can is found by its result.
    return true;
  }
}

test('without kills the checks find nothing wrong', () =>
  withDatabase(server, async (database) => {
    await run(database, () => true);
    await requireAppliedOnce(database.rows);
  }));

test(`a migrator that writes its journal after the execution is caught within ${rounds} kills`, async () => {
  let kills = 1;
  while (kills <= rounds && !(await isCaught())) kills += 1;
  assert.ok(kills <= rounds);
});
