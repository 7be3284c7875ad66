/**
 * A disk that is full in the middle of a statement: the run stops and says so, nothing of the statement is left, and when
 * there is room the next run goes on. The application's database has a small disk of its own.
 */

import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MigrationFailure } from '../../src/migration/migration-failure.ts';
import type { MigrationSet } from '../../src/migration/migration-set.ts';
import { migrationStatus } from '../../src/migration/migration-status.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { diskObstacle, mountSmallDisk, type SmallDisk } from './small-disk.ts';
import { setOf, withFilledDatabase, type TestDatabase } from './support.ts';

const obstacle = diskObstacle();
const skip = obstacle ?? false;
const diskMegabytes = 24;
const numberOfRows = 10_000;
/** More than what the journal may need, less than another table with these rows. */
const roomLeft = 1_048_576;

let server: TestServer;
let disk: SmallDisk;
let folder: string;
let shadows: string;
before(async () => {
  if (skip !== false) return;
  server = await startMariadb();
  folder = join(server.configuration.paths.data, 'app');
  shadows = await mkdtemp(join(tmpdir(), 'holdfast-shadows-'));
  disk = await mountSmallDisk(folder, diskMegabytes);
  await withFilledDatabase(server, async ({ admin }) => {
    await admin.query('CREATE TABLE large (id INT PRIMARY KEY, pad CHAR(250) NOT NULL)');
    await admin.query(`INSERT INTO large SELECT seq, 'x' FROM seq_1_to_${numberOfRows}`);
  });
});
after(async () => {
  if (skip !== false) return;
  await server.kill();
  await disk[Symbol.asyncDispose]();
  await server.close();
  await rm(shadows, { recursive: true, force: true });
});

const run = ({ run }: TestDatabase, set: MigrationSet): Promise<unknown> =>
  run(set, { shadow: { temporary: shadows, searchPath: process.env['PATH'] ?? '' } });

const wayOf = (algorithm: string): string => `-- holdfast: allow copies-table a test
ALTER TABLE large ADD a INT NOT NULL DEFAULT 7 FIRST, ALGORITHM = ${algorithm};`;

for (const [name, sql] of [
  ['a copy of a table', wayOf('COPY')],
  ['a table that is rebuilt in place', wayOf('INPLACE').replace(' FIRST', ', FORCE')],
] as const) {
  test(
    `${name} for which the disk has no room leaves all as it was, and is made when there is room`,
    { skip },
    () =>
      withFilledDatabase(server, async (database) => {
        const { url, admin, rows } = database;
        const set = setOf({ 'V1__alter.sql': sql });
        await disk.fill(roomLeft);
        await assert.rejects(run(database, set), (error) => {
          assert.ok(error instanceof MigrationFailure, String(error));
          assert.match(error.message, /^V1__alter\.sql:2: .*the server has no room to write.*Make room/);
          // Nobody tries it again by himself: each time the disk would be full for the application too.
          return !error.mayPass;
        });
        const { state, files } = await migrationStatus({ url, set });
        assert.equal(state, 'failed');
        assert.match(files[0]?.problem ?? '', /no room to write/);
        assert.deepEqual(
          (await readdir(folder)).filter((file) => file.startsWith('#sql')),
          [],
        );
        await disk.makeRoom();
        await run(database, set);
        const found = await rows('SELECT COUNT(*), SUM(a), COUNT(DISTINCT id) FROM large');
        assert.deepEqual(found, [[numberOfRows, String(7 * numberOfRows), numberOfRows]]);
        await admin.query('DROP TABLE holdfast_migration');
        await admin.query('ALTER TABLE large DROP a');
      }),
  );
}

test(
  'rows for which the disk has no room are inserted once when there is room, also if the server does not survive it',
  { skip },
  async () => {
    const set = setOf({
      'V1__more.sql': 'CREATE TABLE more LIKE large;\nINSERT INTO more SELECT * FROM large;',
    });
    await disk.fill(roomLeft);
    await withFilledDatabase(server, (database) =>
      assert.rejects(
        run(database, set),
        /V1__more\.sql:2: .*no room to write|the connection was lost at V1__more\.sql:2 /,
      ),
    );
    await disk.makeRoom();
    await server.kill();
    await server.start();
    await withFilledDatabase(server, async (database) => {
      await run(database, set);
      const found = await database.rows('SELECT COUNT(*), COUNT(DISTINCT id) FROM more');
      assert.deepEqual(found, [[numberOfRows, numberOfRows]]);
    });
  },
);
