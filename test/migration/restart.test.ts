/** A server that is ended in an orderly way in the middle of a statement: nothing of that is taken for a failure of it. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { OperationError } from '../../src/app/failure.ts';
import { migrationStatus } from '../../src/migration/migration-status.ts';
import { until } from '../database/verb.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { setOf, withDatabase, withFilledDatabase } from './support.ts';

let server: TestServer;
before(async () => {
  server = await startMariadb();
});
after(() => server.close());

/** It lasts until the test has seen enough of it. */
const patience = 'SLEEP(IF((SELECT COUNT(*) FROM hurry) > 0, 0, 600))';
const rows = 'id BETWEEN @chunk_first AND @chunk_last';
const statements = {
  'a change of data': `INSERT INTO t SELECT id + 10, ${patience} FROM source;`,
  'a chunk of a backfill': `-- holdfast: backfill source by id\nINSERT INTO t SELECT id + 10, ${patience} FROM source WHERE ${rows};`,
};

for (const [what, statement] of Object.entries(statements)) {
  test(`${what} that a restart of the server cuts off is run once, when the server is back`, async () => {
    const set = setOf({
      'V1__t.sql':
        'CREATE TABLE t (id INT PRIMARY KEY, slept INT);\nCREATE TABLE source (id INT PRIMARY KEY);',
      'V2__rows.sql': 'CREATE TABLE hurry (id INT);\nINSERT INTO source VALUES (1), (2);',
      'V3__slow.sql': statement,
    });
    await withDatabase(server, async ({ run, rows: select }) => {
      const running = assert.rejects(run(set), OperationError);
      await until(
        () => 'the statement runs',
        async () => {
          const [[count] = []] = await select(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'",
          );
          return Number(count) > 0;
        },
      );
      await server.stop();
      await running;
    });
    await server.start();
    await withFilledDatabase(server, async ({ run, admin, rows: select, url }) => {
      assert.equal((await migrationStatus({ url, set })).state, 'interrupted');
      await admin.query('INSERT INTO hurry VALUES (1)');
      await run(set);
      assert.deepEqual(await select('SELECT COUNT(*) FROM t'), [[2]]);
    });
  });
}
