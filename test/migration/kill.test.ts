/**
 * Migrators and servers killed, and connections cut, at random moments: whatever is ended, the runs after it end by
 * themselves with every statement applied exactly once, to every row. HOLDFAST_KILLS says how often in all, HOLDFAST_SEED
 * at which random moments.
 */

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readMigrations } from '../../src/migration/source.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';
import { mixedFiles, requireMixedOnce } from './counting-set.ts';
import { countOf, seeded } from './counts.ts';
import { startCuttingProxy, type CuttingProxy } from './cutting-proxy.ts';
import { endRun, endRuns, folderOf, remove, type KillSite } from './kill-rig.ts';
import { withDatabase, withFilledDatabase, type TestDatabase } from './support.ts';

const victims = ['the migrator', 'the server', 'the migrator and the server', 'the connection'] as const;
const times = Math.ceil(countOf('KILLS', 24) / victims.length);
const random = seeded();

let server: TestServer;
let proxy: CuttingProxy;
let folder: string;
let temporary: string;
before(async () => {
  server = await startMariadb();
  proxy = await startCuttingProxy(server.port);
  temporary = await mkdtemp(join(tmpdir(), 'holdfast-shadows-'));
  folder = await folderOf(mixedFiles);
});
after(async () => {
  await proxy[Symbol.asyncDispose]();
  await server.close();
  await remove([folder, temporary]);
});

/** One in eight finds out anew what the statements do, so that some are killed beside their shadow. */
function site(): KillSite {
  const cache = random() < 1 / 8 ? [] : [join(temporary, 'cache')];
  return {
    url: proxy.through(server.urlOf(testAccounts.migrator)),
    args: [folder, temporary, ...cache],
    killServer: () => server.kill(),
    startServer: () => server.start(),
    cut: () => {
      proxy.cut();
    },
  };
}

/** Ends what is left to do and looks at the result. */
async function requireOnce({ run, rows }: TestDatabase): Promise<void> {
  await run(await readMigrations(folder));
  await requireMixedOnce(rows);
}

for (const victim of victims) {
  test(`every statement is applied once although ${victim} is ${victim === 'the connection' ? 'cut' : 'killed'} (${times} times)`, () =>
    endRuns({
      name: victim,
      times,
      begin: () => withDatabase(server, () => Promise.resolve()),
      endRun: () =>
        endRun(site(), victim, {
          isCounted: () => true,
          lines: 1 + Math.floor(random() * 12),
          laterMs: random() * 30,
        }),
      finish: () => withFilledDatabase(server, requireOnce),
    }));
}
