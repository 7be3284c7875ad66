/**
 * Connections that are cut while a migrator works: at random moments, and at COMMIT, where nobody can tell from
 * the error whether it has happened. HOLDFAST_CONNECTION_CUTS says how often, HOLDFAST_SEED at which random moments.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { OperationError } from '../../src/app/failure.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';
import { countingFiles, requireAppliedOnce } from './counting-set.ts';
import { countOf, seeded, tellCount } from './counts.ts';
import { startCuttingProxy, type CuttingProxy } from './cutting-proxy.ts';
import { setOf, withDatabase, type TestDatabase } from './support.ts';

const cuts = countOf('CONNECTION_CUTS', 8);
const random = seeded();
const set = setOf(countingFiles);

let server: TestServer;
let proxy: CuttingProxy;
before(async () => {
  server = await startMariadb();
  proxy = await startCuttingProxy(server.port);
});
after(async () => {
  await proxy[Symbol.asyncDispose]();
  await server.close();
});

/** A run through the proxy. @returns whether it was cut off */
async function cutRun({ run }: TestDatabase): Promise<boolean> {
  try {
    await run(set, { url: proxy.through(server.urlOf(testAccounts.migrator)) });
    return false;
  } catch (error) {
    assert.ok(error instanceof OperationError, String(error));
    return true;
  }
}

async function requireOnce({ run, rows }: TestDatabase): Promise<void> {
  await run(set);
  await requireAppliedOnce(rows);
}

test(`every statement is applied once although connections are cut at random moments (${cuts} times)`, async () => {
  for (let left = cuts; left > 0; tellCount('cuts', cuts - left, cuts)) left -= await cutUntilDone(left);
});

/** Cuts runs of one history until it is through, or `most` times. @returns how many were cut off */
async function cutUntilDone(most: number): Promise<number> {
  let done = 0;
  await withDatabase(server, async (database) => {
    for (let wasCut = true; wasCut && done < most; done += Number(wasCut)) {
      const running = cutRun(database);
      await Promise.race([delay(random() * 250), running]);
      proxy.cut();
      wasCut = await running;
    }
    await requireOnce(database);
  });
  return done;
}

for (const moment of ['before', 'after'] as const) {
  test(`the same when the connection is cut just ${moment} the server hears a COMMIT`, async () => {
    let seen = 0;
    for (let count = 1; count <= 40; count += 4 + Math.floor(random() * 8)) {
      await withDatabase(server, async (database) => {
        proxy.cutAt('COMMIT', count, moment);
        seen += Number(await cutRun(database));
        await requireOnce(database);
      });
    }
    assert.ok(seen > 0, 'no COMMIT was cut off');
  });
}
