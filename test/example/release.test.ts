/**
 * A release of the example that gives a column another name, while members use it: the new name is added, both versions
 * work with both, and the old name goes when no instance of the version before is left.
 */
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertUnharmed, crew, membersSql, PASSWORD } from '../kubernetes/support/members.ts';
import { query } from '../machine-services/application-database.ts';
import { statusWhen } from '../machine-services/support.ts';
import type { AppFolder } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { exampleApp } from './example-app.ts';
import { PaymentLoad } from './payment-load.ts';
import { logIn, SessionLoad } from './session-load.ts';
import { BETWEEN, CHANGED_CODE, codeOfBoth, RELEASE_FILES } from './version-before.ts';

const MEMBERS = 20;
/** A member does two things in this time; ms. */
const THINK = 500;
const LOOK_INTERVAL = 5;

test('a release with an expand and a contract fails no request', async (t) => {
  await using app = await exampleApp();
  const code = await codeOfBoth();
  for (const file of RELEASE_FILES) await rename(join(app.path, 'migrations', file), join(app.path, file));
  await app.write(CHANGED_CODE, code.before);
  await app.write(`migrations/${BETWEEN}__more.sql`, membersSql(MEMBERS));
  await app.must('up', '--detach');
  const { url } = await app.status();
  assert.ok(url);
  const sessions = await logIn(url, crew(0, MEMBERS), PASSWORD);
  const members = new SessionLoad({ url, sessions: sessions.slice(MEMBERS / 2), think: THINK });
  const payers = new PaymentLoad({ url, sessions: sessions.slice(0, MEMBERS / 2), think: THINK });
  t.after(() => Promise.all([members.end(), payers.end()]));
  await eventually('they pay', () => payers.paid.length >= MEMBERS);

  const watch = watchOld(app);
  await app.write(CHANGED_CODE, code.after);
  for (const file of RELEASE_FILES) await rename(join(app.path, file), join(app.path, 'migrations', file));
  await app.must('up', '--detach');
  await statusWhen(
    app,
    'the contract is applied',
    ({ migrations }) => migrations.contract?.state === 'applied',
  );
  const paid = payers.paid.length;
  await eventually('they pay on', () => payers.paid.length >= paid + MEMBERS);
  await Promise.all([members.end(), payers.end()]);
  const lastSeen = await watch.end();

  assert.deepEqual(payers.failed, []);
  assertUnharmed(members);
  const words = await query(
    app,
    "SELECT purpose FROM transfers WHERE purpose LIKE 'payment %' ORDER BY purpose",
  );
  assert.deepEqual(
    words.map(({ purpose }) => purpose as unknown),
    payers.paid.toSorted(),
    'every payment is there once, with its words',
  );
  const [contract] = await query(
    app,
    "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', started_at) / 1000 AS begun FROM holdfast_migration WHERE version = '5' AND statement = 1",
  );
  const ahead = Number(contract?.['begun']) - lastSeen;
  assert.ok(ahead >= 0, `the contract began ${-ahead} ms before the last old instance had ended`);
  t.diagnostic(
    `${payers.paid.length} payments, ${members.answered} other answers; contract ${ahead} ms after the last old instance`,
  );
});

/** Looks all the time whether any instance that runs now still does. */
function watchOld(app: AppFolder): { end(): Promise<number> } {
  const old = Object.entries(app.pids()).flatMap(([id, pid]) =>
    /^(?:login|community)-/.test(id) ? [pid] : [],
  );
  assert.equal(old.length, 4);
  const end = new AbortController();
  let lastSeen = 0;
  const watching = (async (): Promise<void> => {
    while (!end.signal.aborted) {
      if (old.some(isAlive)) lastSeen = Date.now();
      await sleep(LOOK_INTERVAL);
    }
  })();
  return {
    async end() {
      end.abort();
      await watching;
      assert.ok(!old.some(isAlive), 'every instance was replaced');
      return lastSeen;
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
