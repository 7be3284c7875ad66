/** A large table is not copied unless the file allows it. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MigrationFailure } from '../../src/migration/migration-failure.ts';
import { migrationStatus } from '../../src/migration/migration-status.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { setOf, withDatabase, type TestDatabase } from './support.ts';

let server: TestServer;
before(async () => {
  server = await startMariadb();
});
after(() => server.close());

/** Everything with more than a page is large here. */
const largeBytes = 20_000;

async function fill({ admin }: TestDatabase): Promise<void> {
  await admin.query(
    'CREATE TABLE large (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 1, pad CHAR(200) NOT NULL)',
  );
  await admin.query("INSERT INTO large (id, pad) SELECT seq, 'x' FROM seq_1_to_2000");
  await admin.query('ANALYZE TABLE large');
  await admin.query('CREATE TABLE small (id INT PRIMARY KEY, n INT NOT NULL)');
}

const copies = 'ALTER TABLE large MODIFY n BIGINT NOT NULL;';

for (const [name, sql] of [
  ['a change that only a copy can make', copies],
  ['one that asks for a copy', 'ALTER TABLE large ADD a INT, ALGORITHM = COPY;'],
  ['one that comes after a setting of its file', `SET alter_algorithm = 'COPY';\n${copies}`],
] as const) {
  test(`${name} is refused before anything is done`, () =>
    withDatabase(server, async (database) => {
      await fill(database);
      const { run, rows, url } = database;
      const before = await rows('SHOW CREATE TABLE large');
      const set = setOf({ 'V1__copy.sql': sql });
      await assert.rejects(run(set, { largeBytes }), (error: unknown) => {
        assert.ok(error instanceof MigrationFailure);
        assert.match(error.message, /large would be copied, about \d+ rows, 1 MB.*allow copies-table REASON/);
        return true;
      });
      assert.deepEqual(await rows('SHOW CREATE TABLE large'), before);
      assert.equal((await migrationStatus({ url, set })).state, 'failed');
      const allowed = sql.replace('ALTER', '-- holdfast: allow copies-table at night\nALTER');
      await run(setOf({ 'V1__copy.sql': allowed }), { largeBytes });
    }));
}

test('what needs no copy, or alters a small table, is done', () =>
  withDatabase(server, async (database) => {
    await fill(database);
    const { run, rows } = database;
    const set = setOf({
      'V1__ways.sql': `ALTER TABLE large ADD a INT NOT NULL DEFAULT 1;
CREATE INDEX by_n ON large (n);
ALTER TABLE large FORCE;
ALTER TABLE small MODIFY n BIGINT NOT NULL;
SELECT @@alter_algorithm INTO @way;
CREATE TABLE way SELECT @way AS way;`,
    });
    await run(set, { largeBytes });
    assert.deepEqual(await rows('SELECT way FROM way'), [['DEFAULT']]);
  }));
