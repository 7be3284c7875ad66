/** Two to eight migrators at once on one server. HOLDFAST_MIGRATORS says how often, HOLDFAST_SEED how many each time. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { mixedFiles, mixedStatements, requireMixedOnce } from './counting-set.ts';
import { countOf, seeded, tellCount } from './counts.ts';
import { allOrNone } from './all-or-none.ts';
import { setOf, withDatabase } from './support.ts';

const rounds = countOf('MIGRATORS', 4);
const random = seeded();
const set = setOf(mixedFiles);

let server: TestServer;
before(async () => {
  server = await startMariadb();
});
after(() => server.close());

test(`of two to eight migrators one is at work, and the others find all done (${rounds} rounds)`, async () => {
  for (let round = 0; round < rounds; round += 1)
    await withDatabase(server, async ({ run, rows }) => {
      const migrators = 2 + Math.floor(random() * 7);
      let statements = 0;
      const reports = await allOrNone(migrators, (signal) =>
        run(set, {
          signal,
          progress: ({ kind }) => {
            statements += Number(kind === 'statement');
          },
        }),
      );
      assert.equal(statements, mixedStatements);
      assert.equal(reports.filter(({ applied }) => applied.length > 0).length, 1);
      await requireMixedOnce(rows);
      tellCount('several migrators', round + 1, rounds);
    });
});

test('when one of several fails, the others are ended and nothing hangs', () =>
  withDatabase(server, async ({ run }) => {
    const failing = setOf({ 'V1__x.sql': 'CREATE TABLE t (id INT);\nDROP TABLE nobody;' });
    await assert.rejects(
      allOrNone(3, (signal) => run(failing, { signal })),
      /V1__x\.sql:2: Unknown table/,
    );
  }));
