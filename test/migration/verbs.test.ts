/** `migrate run`, `wait` and `status` as a Job and an init container use them: processes with a folder and a URL. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { createConnection, type Connection } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { startVerb, until, type Verb } from '../database/verb.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';

const members = { 'V1__members.sql': 'CREATE TABLE member (id INT PRIMARY KEY);' };
const set = {
  ...members,
  'V2__name.sql': 'INSERT INTO member VALUES (1);\nALTER TABLE member ADD name TEXT;',
};
const failing = {
  ...members,
  'V2__name.sql': 'INSERT INTO member VALUES (1);\nALTER TABLE membre ADD name TEXT;',
};
const later = { ...set, 'V3__more.sql': 'ALTER TABLE member ADD more INT;' };

const login = { user: 'holdfast-service-login', password: 'p:@/?#%\'"`\\ é🔑' };
const accounts = { ...testAccounts, services: [login] };

let server: TestServer;
let parent: string;
let admin: Connection;
before(async () => {
  parent = await mkdtemp(join(tmpdir(), 'holdfast-verbs-'));
  server = await startMariadb(accounts);
});
after(async () => {
  admin.destroy();
  await server.close();
  await rm(parent, { recursive: true, force: true });
});
beforeEach(async () => {
  admin = await createConnection(connectionOptions(server.url()));
  admin.on('error', () => undefined);
  await admin.query('DROP DATABASE IF EXISTS app');
  await admin.query('CREATE DATABASE app');
  await admin.query('USE app');
});

async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(parent, 'set-'));
  for (const [file, sql] of Object.entries(files)) await writeFile(join(folder, file), sql);
  return folder;
}

async function run(files: Readonly<Record<string, string>>, ...options: string[]): Promise<Verb> {
  const args = ['migrate', 'run', '--folder', await folderOf(files), ...options];
  return startVerb(args, { DATABASE_URL: server.urlOf(accounts.migrator) });
}

async function wait(files: Readonly<Record<string, string>>, ...options: string[]): Promise<Verb> {
  const args = ['migrate', 'wait', '--folder', await folderOf(files), ...options];
  return startVerb(args, { DATABASE_URL: server.urlOf(login) });
}

async function codeOf(verb: Promise<Verb>): Promise<number | null> {
  await using running = await verb;
  return (await running.ended).code;
}

async function says(verb: Verb, words: RegExp): Promise<void> {
  await until(
    () => `it says ${String(words)} and not: ${verb.output()}`,
    () => words.test(verb.output()),
  );
}

test('what is pending is applied, and a second run has nothing to do', async () => {
  await using first = await run(set);
  assert.deepEqual(
    [(await first.ended).code, (await first.ended).stdout],
    [0, '2 migrations applied, 0 had been before\n'],
  );
  await using second = await run(set, '--json');
  const { code, stdout } = await second.ended;
  assert.equal(code, 0);
  const report = JSON.parse(stdout) as { applied: unknown[]; before: number };
  assert.deepEqual([report.applied, report.before], [[], 2]);
});

test('a failed statement ends a run with 2, and the end of its output says which and why', async () => {
  await using running = await run(failing);
  const { code, stderr } = await running.ended;
  assert.equal(code, 2);
  assert.match(
    stderr.slice(-2_000),
    /V2__name\.sql:2: Table 'app\.membre' doesn't exist\n\s+ALTER TABLE membre/,
  );
});

test('files that can not be applied end a run with 2, in a message that fits', async () => {
  await using running = await run(
    Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`V${n}_ä${'é'.repeat(20)}.sql`, 'SELECT 1;'])),
  );
  const { code, stderr } = await running.ended;
  assert.equal(code, 2);
  assert.match(stderr, /a migration is named/);
  assert.ok(Buffer.byteLength(stderr) < 2_000, stderr);
});

test('an applied file that was changed ends run and wait with 2', async () => {
  assert.equal(await codeOf(run(set)), 0);
  const changed = { ...set, 'V1__members.sql': 'CREATE TABLE member (id BIGINT PRIMARY KEY);' };
  for (const verb of [run(changed), wait(changed)]) {
    await using running = await verb;
    const { code, stderr } = await running.ended;
    assert.equal(code, 2);
    assert.match(stderr, /V1__members\.sql:1: statement 1 differs/);
  }
});

test('without a database a run gives up in time with 1, and a wrong option ends it with 2', async () => {
  await server.stop();
  try {
    await using running = await run(set, '--wait', '1s');
    const { code, stderr } = await running.ended;
    assert.equal(code, 1);
    assert.match(
      stderr,
      /gave up after 1 s: the database mysql:\/\/holdfast-migrator:\*\*\*@.* does not answer/,
    );
    assert.equal(await codeOf(run(set, '--wait', 'long')), 2);
  } finally {
    await server.start();
  }
});

test('run and wait begin before the database does, and end when it is migrated', async () => {
  await server.stop();
  await using waiting = await wait(set);
  await says(waiting, /waiting for 0 s: the database .* can't be reached/);
  await using running = await run(set);
  await says(running, /does not answer/);
  await server.start();
  assert.equal((await running.ended).code, 0);
  const { code, stdout } = await waiting.ended;
  assert.deepEqual([code, stdout], [0, 'all 2 migrations are applied\n']);
});

test('a wait goes on while the account is not there yet, with whatever password', async () => {
  assert.equal(await codeOf(run(set)), 0);
  const account = (name: string): string => `\`${login.user}\`@'${name}'`;
  for (const host of ['127.0.0.1', 'localhost']) await admin.query(`DROP USER ${account(host)}`);
  await using waiting = await wait(set);
  await says(waiting, /Access denied/);
  await server.stop();
  await server.start();
  assert.equal((await waiting.ended).code, 0);
});

test('a wait goes on without a journal, behind another migrator, and until the last file of its own set', async () => {
  await using waiting = await wait(later);
  await says(waiting, /0 of 3 migrations are applied, next is V1__members\.sql/);
  assert.equal(await codeOf(run(members)), 0);
  await says(waiting, /1 of 3 migrations are applied, next is V2__name\.sql/);
  // A reader keeps the second statement of V2 from its lock.
  await admin.query('START TRANSACTION');
  await admin.query('SELECT * FROM member');
  await using running = await run(later);
  await says(running, /blocked/);
  await says(waiting, /next is V2__name\.sql; a migrator is at work/);
  await admin.query('COMMIT');
  assert.equal((await running.ended).code, 0);
  assert.equal((await waiting.ended).code, 0);
});

test('a failed migration fails the wait with 1 and the statement; an edited one is waited for', async () => {
  assert.equal(await codeOf(run(failing)), 2);
  await using held = await wait(failing);
  const { code, stderr } = await held.ended;
  assert.equal(code, 1);
  assert.match(
    stderr,
    /a migration failed: V2__name\.sql:2: statement 2 failed: Table 'app\.membre' doesn't exist/,
  );
  await using waiting = await wait(set);
  await says(waiting, /1 of 2 migrations are applied, next is V2__name\.sql/);
  assert.equal(await codeOf(run(set)), 0);
  assert.equal((await waiting.ended).code, 0);
});

test('through failures, a wait tells each failure once and ends when it is mended', async () => {
  assert.equal(await codeOf(run(failing)), 2);
  await using waiting = await wait(failing, '--through-failures');
  await says(waiting, /a migration failed: V2__name\.sql:2/);
  const otherwise = { ...failing, 'V2__name.sql': 'INSERT INTO member VALUES (1);\nDROP TABLE nobody;' };
  assert.equal(await codeOf(run(otherwise)), 2);
  await says(waiting, /1 of 2 migrations are applied, next is V2__name\.sql/);
  assert.equal(await codeOf(run(failing)), 2);
  const failures = (): number => waiting.output().match(/a migration failed: V2__name\.sql:2/g)?.length ?? 0;
  await until(
    () => `it tells of both failures: ${waiting.output()}`,
    () => failures() === 2,
  );
  await admin.query('CREATE TABLE membre LIKE member');
  assert.equal(await codeOf(run(failing)), 0);
  assert.equal((await waiting.ended).code, 0);
  assert.equal(failures(), 2);
});

test('a wait through failures gives up in time and says what failed', async () => {
  assert.equal(await codeOf(run(failing)), 2);
  await using waiting = await wait(failing, '--through-failures', '--timeout', '2s');
  const { code, stderr } = await waiting.ended;
  assert.equal(code, 1);
  assert.match(stderr, /gave up after 2 s: a migration failed: V2__name\.sql:2/);
});

test('a database that is ahead is fine, and a hole is an error', async () => {
  assert.equal(await codeOf(run(later)), 0);
  assert.equal(await codeOf(wait(set)), 0);
  const hole = { ...set, 'V1.5__late.sql': 'SELECT 1;', 'V3__more.sql': later['V3__more.sql'] };
  await using waiting = await wait(hole);
  const { code, stderr } = await waiting.ended;
  assert.equal(code, 2);
  assert.match(stderr, /V1\.5__late\.sql has not been applied, but the later version 3 has/);
});

test('a wait gives up in time and says what it waited for', async () => {
  await using waiting = await wait(set, '--timeout', '1s');
  const { code, stderr } = await waiting.ended;
  assert.equal(code, 1);
  assert.match(stderr, /gave up after 1 s: 0 of 2 migrations are applied, next is V1__members\.sql/);
});

test('SIGTERM ends a wait at once', async () => {
  await using waiting = await wait(set);
  await says(waiting, /0 of 2/);
  waiting.kill('SIGTERM');
  const { code, stderr } = await waiting.ended;
  assert.equal(code, 1);
  assert.match(stderr, /ended by a signal/);
});

test('SIGTERM ends a run and its statement, and the next run goes on from there', async () => {
  const slow = {
    ...members,
    'V2__slow.sql': 'INSERT INTO member SELECT 7 + SLEEP(IF(@@port = 0, 0, 1000));',
  };
  await using running = await run(slow);
  const sleeps = async (): Promise<boolean> => {
    const [rows] = await admin.query(
      "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE '%SLEEP(%' AND ID <> CONNECTION_ID()",
    );
    return Array.isArray(rows) && rows.length > 0;
  };
  await until(() => `the statement runs: ${running.output()}`, sleeps);
  running.kill('SIGTERM');
  const { code, stderr } = await running.ended;
  assert.equal(code, 1);
  assert.match(stderr, /ended by a signal/);
  await until(
    () => 'the statement has ended',
    async () => !(await sleeps()),
  );
  const quick = { ...members, 'V2__slow.sql': 'INSERT INTO member VALUES (7);' };
  assert.equal(await codeOf(run(quick)), 0);
});

test('status tells every file, and by its exit code whether all are applied', async () => {
  assert.equal(await codeOf(run(members)), 0);
  const folder = await folderOf(set);
  const status = (...options: string[]): Verb =>
    startVerb(['migrate', 'status', '--folder', folder, ...options], { DATABASE_URL: server.urlOf(login) });
  await using before = status();
  const { code, stdout } = await before.ended;
  assert.equal(code, 1);
  assert.equal(
    stdout,
    'pending: 1 applied, 1 pending\n  V1__members.sql: applied\n  V2__name.sql: pending\n',
  );
  assert.equal(await codeOf(run(set)), 0);
  await using after = status('--json');
  const told = await after.ended;
  assert.equal(told.code, 0);
  assert.equal((JSON.parse(told.stdout) as { state: string }).state, 'applied');
});

test('without DATABASE_URL it says what is missing, and no message shows a password', async () => {
  await using without = startVerb(['migrate', 'wait', '--folder', parent], {});
  assert.match((await without.ended).stderr, /DATABASE_URL/);
  assert.equal((await without.ended).code, 2);
  await using wrong = startVerb(['migrate', 'run', '--folder', parent, '--wait', '1s'], {
    DATABASE_URL: server.urlOf({ user: 'holdfast-migrator', password: 'secret-word' }),
  });
  const { code, stderr } = await wrong.ended;
  assert.equal(code, 1);
  assert.match(stderr, /refuses this account/);
  assert.doesNotMatch(stderr, /secret-word/);
});
