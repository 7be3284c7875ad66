/** Recording on a real server: what comes out, that the server is as before, and what lint makes of it. */

import assert from 'node:assert/strict';
import { rm, stat, readFile, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { createConnection, type Connection } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { lintMigrations, type LintReport } from '../../src/migration/lint/lint-migrations.ts';
import { recordingText, type RecordedStatement } from '../../src/migration/lint/recording.ts';
import { recordStatements, type StatementRecord } from '../../src/migration/record/record-statements.ts';
import { ServerLog } from '../../src/migration/record/server-log.ts';
import { startVerb, until } from '../database/verb.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';
import { lintFolder } from './lint-folder.ts';
import { recordedDuring } from './recorded.ts';
import { setOf, withDatabase, type TestDatabase } from './support.ts';

let server: TestServer;
let temporary: string;
const searchPath = process.env['PATH'] ?? '';
const never = new AbortController().signal;
before(async () => {
  server = await startMariadb();
  temporary = await lintFolder();
});
after(async () => {
  await server.close();
  await rm(temporary, { recursive: true, force: true });
});

const members = `CREATE TABLE members (
  id BIGINT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100) NOT NULL UNIQUE, phone VARCHAR(30) NOT NULL DEFAULT '',
  state ENUM('open', 'closed') NOT NULL DEFAULT 'open', joined DATETIME NULL, note TEXT NULL);`;

/** Records while `work` is done by a connection of the application that was there before. */
async function recorded(
  { serviceUrl }: TestDatabase,
  work: (application: Connection) => Promise<void>,
): Promise<StatementRecord> {
  const application = await createConnection(connectionOptions(serviceUrl));
  try {
    // A pool has prepared its statements long before anybody records.
    await application.execute('SELECT phone FROM members WHERE name = ?', ['nobody']);
    return await recordedDuring(server.url(), () => work(application));
  } finally {
    application.destroy();
  }
}

async function traffic(application: Connection): Promise<void> {
  await application.execute('SELECT phone FROM members WHERE name = ?', ['Anna Kqz']);
  await application.execute('INSERT INTO members (name, phone, joined) VALUES (?, ?, ?)', [
    'Anna Kqz',
    '0171 kqz',
    new Date(),
  ]);
  await application.query(
    "UPDATE members SET state = 'closed', note = 'kqz told us' WHERE name = 'Anna Kqz'",
  );
  await application.query("DELETE FROM members WHERE name = 'Anna Kqz' AND id > 0");
  await application.query('SELECT kqz FROM members').catch(() => undefined);
}

/** What of the server a recording changes for a while. */
async function settings({ rows }: TestDatabase): Promise<unknown[][]> {
  return rows(`SELECT @@GLOBAL.general_log, @@GLOBAL.log_output, @@GLOBAL.slow_query_log,
    (SELECT GROUP_CONCAT(TABLE_NAME ORDER BY TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'mysql'),
    (SELECT COUNT(*) FROM mysql.general_log)`);
}

const statementsOf = ({ statements }: StatementRecord): RecordedStatement[] => [...statements];

function lint(url: string, change: string, statements?: readonly RecordedStatement[]): Promise<LintReport> {
  return lintMigrations({
    set: setOf({ 'V1__members.sql': members, 'V2__change.sql': change }),
    url,
    shadow: { temporary, searchPath },
    signal: never,
    ...(statements === undefined ? {} : { recording: { statements, rows: [] } }),
  });
}

test('statements of both protocols are recorded without data, and find what a change breaks', () =>
  withDatabase(server, async (database) => {
    const { url, run, admin } = database;
    await run(setOf({ 'V1__members.sql': members }));
    // Rows that the user's own log has are left where they are.
    await admin.query("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = ON");
    await admin.query('SET GLOBAL general_log = OFF');
    await admin.query("SET GLOBAL log_output = 'FILE'");
    const before = await settings(database);

    const record = await recorded(database, traffic);

    assert.deepEqual(await settings(database), before);
    const seen = ['holdfast-service-login'];
    assert.deepEqual(statementsOf(record), [
      {
        statement: 'DELETE FROM members WHERE name = ? AND id > ?',
        parameters: [
          { type: 'varchar', value: 'xxxxxxxx' },
          { type: 'int', value: 0 },
        ],
        seen,
      },
      {
        statement: 'INSERT INTO members (name, phone, joined) VALUES (?, ?, ?)',
        parameters: [
          { type: 'varchar', value: 'xxxxxxxx' },
          { type: 'varchar', value: 'xxxxxxxx' },
          { type: 'datetime', value: '2020-01-20 03:14:08.123456' },
        ],
        seen,
      },
      {
        statement: 'SELECT phone FROM members WHERE name = ?',
        parameters: [{ type: 'unknown', value: null }],
        seen,
      },
      {
        statement: 'UPDATE members SET state = ?, note = ? WHERE name = ?',
        parameters: [
          { type: 'varchar', value: 'closed' },
          { type: 'varchar', value: 'xxxxxxxx' },
          { type: 'varchar', value: 'xxxxxxxx' },
        ],
        seen,
      },
    ]);
    assert.deepEqual(record.counts, { seen: 5, others: 0, unclear: 0, beyond: 0, refused: 1 });

    const breaking = 'ALTER TABLE members DROP COLUMN phone;';
    const report = await lint(url, breaking, record.statements);
    const uses = report.findings.map(({ rule, uses }) => [rule, ...uses.map(({ statement }) => statement)]);
    assert.deepEqual(uses, [
      [
        'breaks-statement',
        'INSERT INTO members (name, phone, joined) VALUES (?, ?, ?)',
        'SELECT phone FROM members WHERE name = ?',
      ],
    ]);
    assert.deepEqual(report.findings[0]?.uses[0]?.seen, seen);
    const safe = 'ALTER TABLE members ADD COLUMN city VARCHAR(50) NULL;';
    assert.deepEqual((await lint(url, safe, record.statements)).findings, []);
    // It would fail on rows that are made up only: then it is tried without them.
    const unusual = 'ALTER TABLE members ADD CONSTRAINT short CHECK (LENGTH(note) < 3);';
    const unfilled = await lint(url, unusual, record.statements);
    assert.ok(unfilled.findings.every(({ rule }) => rule !== 'fails'));
    assert.match(
      unfilled.unchecked.join(),
      /what made-up rows .* would show: with them V2__change\.sql:1 fails/,
    );
    const blind = await lint(url, breaking);
    assert.deepEqual(blind.findings, []);
    assert.match(blind.unchecked.join(), /there is no recording of what it sends; make one/);
  }));

test('no secret that an application sends is in a recording', () =>
  withDatabase(server, async (database) => {
    await database.run(setOf({ 'V1__members.sql': members }));
    const text = fc.string({ unit: 'binary', maxLength: 12 });
    const secrets = fc.sample(
      fc.tuple(text, text).map(([one, other]) => `${one}kqz${other}`),
      { numRuns: 60, seed: 20_260 },
    );
    const record = await recorded(database, async (application) => {
      for (const secret of secrets) {
        await application.execute('SELECT id FROM members WHERE note = ? OR name LIKE ?', [
          secret,
          `%${secret}%`,
        ]);
        await application.query('INSERT INTO members (name, note) VALUES (?, ?)', [
          String(Math.random()),
          Buffer.from(secret),
        ]);
        // Some of these are no SQL at all.
        await application.query(`SELECT id FROM members WHERE name = '${secret}'`).catch(() => undefined);
        await application.query(`SELECT id FROM members WHERE name = "O"${secret}"`).catch(() => undefined);
      }
    });
    const all = recordingText({ statements: record.statements, rows: [] });
    assert.ok(record.counts.seen > 200 && record.statements.length > 2);
    assert.doesNotMatch(all, /kqz|6b717a/i);
  }));

test('a second recording on a server is refused, and names the first', () =>
  withDatabase(server, async (database) => {
    await database.run(setOf({ 'V1__members.sql': members }));
    await recorded(database, async () => {
      await assert.rejects(
        recordStatements({ url: server.url(), durationMs: 1, signal: never, progress: () => undefined }),
        /another recording is at work on this server \(connection \d+\)/,
      );
    });
  }));

test('a general log that is on already is left alone', () =>
  withDatabase(server, async ({ admin, rows }) => {
    await admin.query('SET GLOBAL general_log = ON');
    await assert.rejects(
      recordStatements({ url: server.url(), durationMs: 1, signal: never, progress: () => undefined }),
      /general log is on already/,
    );
    assert.deepEqual(await rows('SELECT @@GLOBAL.general_log'), [[1]]);
    await admin.query('SET GLOBAL general_log = OFF');
  }));

test('an account without the rights is told which, and nothing is changed', () =>
  withDatabase(server, async (database) => {
    const before = await settings(database);
    await assert.rejects(
      recordStatements({ url: database.url, durationMs: 1, signal: never, progress: () => undefined }),
      /GRANT SUPER, PROCESS ON \*\.\* TO/,
    );
    assert.deepEqual(await settings(database), before);
  }));

test('when the time is over the server itself puts everything back', () =>
  withDatabase(server, async (database) => {
    const before = await settings(database);
    const record = await recordStatements({
      url: server.url(),
      durationMs: 1,
      signal: never,
      progress: () => undefined,
    });
    assert.deepEqual(record.statements, []);
    assert.deepEqual(await settings(database), before);
  }));

test('a recorder that hangs is not waited for: the server puts everything back when its time is over', () =>
  withDatabase(server, async (database) => {
    const before = await settings(database);
    const { log } = await ServerLog.open({ url: server.url(), limitSeconds: 1, signal: never });
    await until(
      () => 'the server has put everything back',
      () => log.isOver,
    );
    assert.deepEqual(await settings(database), before);
    await log.close();
  }));

test('replicas get nothing of a recording', async () => {
  const primary = await startMariadb(testAccounts, ['--log-bin=log', '--server-id=1']);
  const admin = await createConnection(connectionOptions(primary.url()));
  try {
    const position = async (): Promise<unknown> => (await admin.query('SELECT @@gtid_binlog_pos'))[0];
    const before = await position();
    await recordStatements({ url: primary.url(), durationMs: 1, signal: never, progress: () => undefined });
    assert.deepEqual(await position(), before);
  } finally {
    admin.destroy();
    await primary.close();
  }
});

test('what guards a recording may be killed: then the recorder puts everything back', () =>
  withDatabase(server, async (database) => {
    const before = await settings(database);
    const { log } = await ServerLog.open({ url: server.url(), limitSeconds: 600, signal: never });
    const [[guard] = []] = await database.rows(
      "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'",
    );
    await database.admin.query(`KILL ${String(guard)}`);
    await until(
      () => 'the recorder notices',
      () => log.isOver,
    );
    await log.close();
    assert.deepEqual(await settings(database), before);
  }));

test('the verb writes a file for its owner only and adds to it, and killed it leaves the server as it was', () =>
  withDatabase(server, async (database) => {
    const { run, url } = database;
    await run(setOf({ 'V1__members.sql': members }));
    const before = await settings(database);
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-record-'));
    try {
      const file = join(folder, 'recording.jsonl');
      await writeFile(join(folder, 'V1__members.sql'), members);
      await writeFile(join(folder, 'V2__drop.sql'), 'ALTER TABLE members DROP COLUMN phone;');
      await writeFile(file, '{"statement":"SELECT 1","name":"by hand"}\n');
      const record = async (signal: 'SIGINT' | 'SIGKILL'): Promise<number | null> => {
        await using verb = startVerb(['migrate', 'record', folder], { DATABASE_URL: server.url() });
        await until(
          () => `it records, and not: ${verb.output()}`,
          () => verb.output().includes('recording for 5m'),
        );
        await inApplication(database, traffic);
        verb.kill(signal);
        return (await verb.ended).code;
      };
      assert.equal(await record('SIGKILL'), null);
      await until(
        () => 'the server has put everything back',
        async () => JSON.stringify(await settings(database)) === JSON.stringify(before),
      );
      assert.equal(await record('SIGINT'), 0);
      assert.deepEqual(await settings(database), before);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      const text = await readFile(file, 'utf8');
      assert.equal(text.split('\n').length, 6);
      assert.match(text, /by hand/);
      assert.match(text, /"seen":\["login"\]/);

      await using lint = startVerb(['migrate', 'lint', folder, '--github'], {
        DATABASE_URL: url,
        TMPDIR: temporary,
      });
      const { code, stdout } = await lint.ended;
      assert.equal(code, 1, lint.output());
      assert.match(stdout, /::error file=.*V2__drop\.sql,line=1,title=breaks-statement::.*\(sent by login\)/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }));

async function inApplication(
  { serviceUrl }: TestDatabase,
  work: (application: Connection) => Promise<void>,
): Promise<void> {
  const application = await createConnection(connectionOptions(serviceUrl));
  await work(application).finally(() => {
    application.destroy();
  });
}

test('what a recording has left on a server that was killed the next one puts back first, and says so', () =>
  withDatabase(server, async (database) => {
    await database.run(setOf({ 'V1__members.sql': members }));
    await using verb = startVerb(['migrate', 'record', temporary], { DATABASE_URL: server.url() });
    await until(
      () => `it records, and not: ${verb.output()}`,
      () => verb.output().includes('recording for 5m'),
    );
    await server.kill();
    assert.equal((await verb.ended).code, 1);
    await server.start();
    await withDatabase(server, async (again) => {
      const left = await again.rows("SHOW TABLES FROM mysql LIKE 'holdfast%'");
      assert.ok(left.length > 0);
      const told: string[] = [];
      await recordStatements({
        url: server.url(),
        durationMs: 1,
        signal: never,
        progress: (event) => told.push(event.kind),
      });
      assert.deepEqual(told, ['leftover', 'recording', 'ended']);
      assert.deepEqual(await again.rows("SHOW TABLES FROM mysql LIKE 'holdfast%'"), []);
      assert.deepEqual(await again.rows("SHOW TABLES FROM mysql LIKE 'general_log'"), [['general_log']]);
    });
  }));
