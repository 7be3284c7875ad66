/** Migrations against a real server: order, once only, failures, locks, and what the application notices. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import { OperationError, UserError } from '../../src/app/failure.ts';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { schemaFingerprint } from '../../src/migration/fingerprint.ts';
import { lockName } from '../../src/migration/lock.ts';
import { MigrationFailure, MigrationRefused } from '../../src/migration/migration-failure.ts';
import { migrationStatus } from '../../src/migration/migration-status.ts';
import type { MigrationProgress } from '../../src/migration/progress.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { setOf, withDatabase } from './support.ts';

let server: TestServer;
before(async () => {
  server = await startMariadb();
});
after(() => server.close());

const members = { 'V1__members.sql': 'CREATE TABLE member (id INT PRIMARY KEY, name VARCHAR(50));' };

test('files are applied in order, once, and each statement has its row', () =>
  withDatabase(server, async ({ run, rows }) => {
    const set = setOf({
      ...members,
      'V1.1__data.sql':
        "INSERT INTO member VALUES (1, 'a;b'), (2, \"c -- d\");\nUPDATE member SET name = 'x' WHERE id = 1;",
      'V2__balance.sql': 'ALTER TABLE member ADD balance BIGINT NOT NULL DEFAULT 7;',
    });
    const first = await run(set);
    assert.deepEqual(
      first.applied.map(({ version }) => version),
      ['1', '1.1', '2'],
    );
    const second = await run(set);
    assert.deepEqual([second.applied, second.before], [[], 3]);
    assert.deepEqual(await rows('SELECT id, name, balance FROM member'), [
      [1, 'x', 7],
      [2, 'c -- d', 7],
    ]);
    assert.deepEqual(await rows('SELECT version, statement, state FROM holdfast_migration ORDER BY 1, 2'), [
      ['1', 1, 'applied'],
      ['1.1', 1, 'applied'],
      ['1.1', 2, 'applied'],
      ['2', 1, 'applied'],
    ]);
  }));

test('the splitter and the server agree on routines, strings, comments and executable comments', () =>
  withDatabase(server, async ({ run, rows }) => {
    const set = setOf({
      'V1__all.sql': `-- a file of everything; it's here
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s TEXT) /*!40101 ENGINE=InnoDB; */;
CREATE TABLE \`odd;na\`\`me\` (x INT COMMENT 'semi;colon');
INSERT INTO t (s) VALUES ('it''s'), ("say \\"hi;\\""), ('back\\\\'), ('-- no'), ('/* no */'), ('日本;語'), ('a
b');
DELIMITER //
CREATE PROCEDURE p() BEGIN INSERT INTO t (s) VALUES (';'); /* ; */ INSERT INTO t (s) VALUES ('//'); END//
DELIMITER ;
CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC BEGIN IF a > 1 THEN RETURN CASE a WHEN 2 THEN 20 ELSE 30 END; END IF; RETURN 0; END;
CREATE TRIGGER tr BEFORE INSERT ON \`odd;na\`\`me\` FOR EACH ROW BEGIN SET NEW.x = NEW.x + 1; END;
CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO BEGIN DELETE FROM t WHERE id < 0; DELETE FROM t WHERE id < -1; END;
CALL p();
INSERT INTO \`odd;na\`\`me\` VALUES (4*/* ; */2), (5--1);
SELECT 1 # the end; of it
;`,
    });
    await run(set);
    assert.deepEqual(await rows('SELECT s FROM t ORDER BY id'), [
      ["it's"],
      ['say "hi;"'],
      ['back\\'],
      ['-- no'],
      ['/* no */'],
      ['日本;語'],
      ['a\nb'],
      [';'],
      ['//'],
    ]);
    assert.deepEqual(await rows('SELECT x FROM `odd;na``me`'), [[9], [7]]);
    assert.deepEqual(await rows('SELECT f(1), f(2), f(3)'), [[0, 20, 30]]);
  }));

test('a status needs no rights but reading, and no journal', () =>
  withDatabase(server, async ({ run, serviceUrl }) => {
    const set = setOf({ ...members, 'V2__x.sql': 'CREATE TABLE x (id INT);' });
    const fresh = await migrationStatus({ url: serviceUrl, set });
    assert.deepEqual([fresh.state, fresh.applied, fresh.pending], ['pending', 0, 2]);
    await run(setOf(members));
    const half = await migrationStatus({ url: serviceUrl, set });
    assert.deepEqual([half.state, half.applied, half.pending], ['pending', 1, 1]);
    await run(set);
    const ahead = await migrationStatus({ url: serviceUrl, set: setOf(members) });
    assert.deepEqual([ahead.state, ahead.applied, ahead.pending], ['applied', 1, 0]);
    assert.equal(ahead.files.at(-1)?.state, 'ahead');
  }));

test('a failure names file, line and statement; after a repair of the file it goes on from there', () =>
  withDatabase(server, async ({ run, rows, serviceUrl }) => {
    const bad = setOf({
      'V1__t.sql':
        'CREATE TABLE t (id INT PRIMARY KEY);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2), (1);\nCREATE TABLE u (id INT);',
    });
    await assert.rejects(run(bad), (error) => {
      assert.ok(error instanceof MigrationFailure);
      assert.deepEqual([error.version, error.file, error.line], ['1', 'V1__t.sql', 3]);
      assert.match(error.message, /V1__t\.sql:3: Duplicate entry .*\n {2}INSERT INTO t VALUES \(2\), \(1\)/);
      return true;
    });
    const status = await migrationStatus({ url: serviceUrl, set: bad });
    assert.equal(status.state, 'failed');
    assert.match(status.problem ?? '', /V1__t\.sql:3: statement 3 failed: Duplicate entry/);
    assert.deepEqual(await rows('SELECT id FROM t'), [[1]]);
    await assert.rejects(run(bad), MigrationFailure);
    const good = setOf({
      'V1__t.sql':
        'CREATE TABLE t (id INT PRIMARY KEY);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);',
    });
    await run(good);
    assert.deepEqual(await rows('SELECT id FROM t'), [[1], [2]]);
    assert.equal((await migrationStatus({ url: serviceUrl, set: good })).state, 'applied');
    assert.equal((await run(good)).applied.length, 0);
  }));

test('failures of statements that commit by themselves can be repeated', () =>
  withDatabase(server, async ({ run, rows, admin }) => {
    const set = setOf({ 'V1__t.sql': 'TRUNCATE TABLE t;' });
    await assert.rejects(run(set), MigrationFailure);
    await admin.query('CREATE TABLE t (id INT)');
    await run(set);
    assert.deepEqual(await rows('SELECT state FROM holdfast_migration'), [['applied']]);
  }));

test('a routine that failed after it had committed is not run again', () =>
  withDatabase(server, async ({ run, rows }) => {
    const set = setOf({
      'V1__t.sql': `CREATE TABLE t (id INT PRIMARY KEY);
CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); CREATE TABLE u (id INT); INSERT INTO t VALUES (2); INSERT INTO t VALUES (2); END;
CALL p();`,
    });
    await assert.rejects(run(set), /a part of the statement may have been applied/);
    await assert.rejects(
      run(set),
      (error) => error instanceof MigrationRefused && /can't be known/.test(error.message),
    );
    assert.deepEqual(await rows('SELECT id FROM t'), [[1], [2]]);
  }));

test('what a failed statement left in a table without transactions is not run again', () =>
  withDatabase(server, async ({ run }) => {
    const set = setOf({
      'V1__t.sql': 'CREATE TABLE t (id INT PRIMARY KEY) ENGINE=MyISAM;\nINSERT INTO t VALUES (1), (1);',
    });
    await assert.rejects(run(set), /a part of the statement may have been applied/);
    await assert.rejects(run(set), /no transactions \(t\)/);
  }));

test('nothing is run when an applied file was changed', () =>
  withDatabase(server, async ({ run, rows }) => {
    await run(setOf(members));
    const set = setOf({
      'V1__members.sql': 'CREATE TABLE member (id INT);',
      'V2__x.sql': 'CREATE TABLE x (id INT);',
    });
    await assert.rejects(
      run(set),
      (error) => error instanceof MigrationRefused && error instanceof UserError,
    );
    assert.deepEqual(await rows("SHOW TABLES LIKE 'x'"), []);
  }));

test('settings of one file do not reach the next', () =>
  withDatabase(server, async ({ run, rows }) => {
    const set = setOf({
      'V1__loose.sql':
        "SET sql_mode = 'NO_BACKSLASH_ESCAPES', foreign_key_checks = 0, time_zone = '+05:00';\nSET NAMES latin1;\nCREATE TABLE m (mode TEXT, fk INT, zone TEXT, cs TEXT);",
      'V2__look.sql':
        'INSERT INTO m SELECT @@sql_mode, @@foreign_key_checks, @@time_zone, @@character_set_client;',
    });
    await run(set);
    const [row] = await rows('SELECT mode, fk, zone, cs FROM m');
    assert.match(String(row?.[0]), /STRICT_TRANS_TABLES/);
    assert.deepEqual(row?.slice(1), [1, 'SYSTEM', 'utf8mb4']);
  }));

test('on a server where a backslash is a letter, a file says itself how it is meant', () =>
  withDatabase(server, async ({ admin, run, rows }) => {
    const insert = String.raw`INSERT INTO member VALUES (1, 'a\\b');`;
    await admin.query("SET GLOBAL sql_mode = CONCAT(@@GLOBAL.sql_mode, ',NO_BACKSLASH_ESCAPES')");
    try {
      await run(setOf(members));
      await assert.rejects(
        run(setOf({ ...members, 'V2__x.sql': insert })),
        /V2__x\.sql:1: statement 1 has a backslash/,
      );
      await run(setOf({ ...members, 'V2__x.sql': `SET sql_mode = '';\n${insert}` }));
      assert.deepEqual(await rows('SELECT LENGTH(name) FROM member'), [[3]]);
    } finally {
      await admin.query("SET GLOBAL sql_mode = REPLACE(@@GLOBAL.sql_mode, ',NO_BACKSLASH_ESCAPES', '')");
    }
  }));

test('two migrators at once: one works, the other waits, tells for whom, and finds all done', () =>
  withDatabase(server, async ({ run, admin }) => {
    await admin.query('SELECT GET_LOCK(?, 0)', [lockName('app')]);
    const set = setOf({ ...members, 'V2__x.sql': 'INSERT INTO member VALUES (1, SLEEP(0.05));' });
    const events: MigrationProgress[] = [];
    const { promise: bothWait, resolve } = Promise.withResolvers<void>();
    const progress = (event: MigrationProgress): void => {
      events.push(event);
      if (events.filter(({ kind }) => kind === 'waiting').length === 2) resolve();
    };
    const running = [run(set, { progress }), run(set, { progress })];
    await bothWait;
    const [first] = events;
    assert.ok(first?.kind === 'waiting' && first.holder?.connection === admin.threadId);
    await admin.query('SELECT RELEASE_LOCK(?)', [lockName('app')]);
    const reports = await Promise.all(running);
    assert.deepEqual(
      reports.map(({ applied }) => applied.length).toSorted((a, b) => a - b),
      [0, 2],
    );
  }));

test('waiting for another migrator ends in time, and when it is stopped', () =>
  withDatabase(server, async ({ run, admin }) => {
    await admin.query('SELECT GET_LOCK(?, 0)', [lockName('app')]);
    await assert.rejects(run(setOf(members), { lockWaitMs: 1 }), (error) => {
      assert.ok(error instanceof OperationError);
      assert.match(error.message, new RegExp(`connection ${admin.threadId}`));
      return true;
    });
    const stop = new AbortController();
    const progress = (): void => {
      stop.abort();
    };
    await assert.rejects(run(setOf(members), { signal: stop.signal, progress }), { name: 'AbortError' });
  }));

test('a schema change that the application blocks gives way, and is tried until it gets through', () =>
  withDatabase(server, async ({ run, rows, admin, serviceUrl }) => {
    await run(setOf(members));
    await admin.query('START TRANSACTION');
    await admin.query('SELECT * FROM member');
    const service = await createConnection(connectionOptions(serviceUrl));
    try {
      const blocked: MigrationProgress[] = [];
      const { promise: twice, resolve } = Promise.withResolvers<void>();
      const running = run(setOf({ ...members, 'V2__x.sql': 'ALTER TABLE member ADD x INT;' }), {
        progress: (event) => {
          if (event.kind === 'blocked' && blocked.push(event) === 2) resolve();
        },
      });
      await twice;
      await service.query('SELECT * FROM member');
      await admin.query('COMMIT');
      assert.equal((await running).applied.length, 1);
      assert.deepEqual(await rows('SELECT state FROM holdfast_migration'), [['applied'], ['applied']]);
    } finally {
      await service.end();
    }
  }));

test('a blocked statement ends in time and can be run later', () =>
  withDatabase(server, async ({ run, admin }) => {
    await admin.query('CREATE TABLE t (id INT)');
    const set = setOf({ 'V1__x.sql': 'TRUNCATE TABLE t;' });
    await admin.query('START TRANSACTION');
    await admin.query('SELECT * FROM t');
    await assert.rejects(run(set, { blockedMs: 1 }), /Lock wait timeout/);
    await admin.query('COMMIT');
    assert.equal((await run(set)).applied.length, 1);
  }));

test('a run that is stopped leaves no statement behind, and the next one goes on', () =>
  withDatabase(server, async ({ run, rows }) => {
    const set = setOf({
      ...members,
      'V2__slow.sql': "INSERT INTO member VALUES (1, 'a');\nINSERT INTO member SELECT 2, SLEEP(60);",
    });
    const stop = new AbortController();
    const running = run(set, {
      signal: stop.signal,
      progress: (event) => {
        if (event.kind === 'statement' && event.version === '2' && event.statement === 2)
          setImmediate(() => {
            stop.abort();
          });
      },
    });
    await assert.rejects(running, { name: 'AbortError' });
    assert.deepEqual(
      await rows(
        "SELECT id FROM information_schema.processlist WHERE info LIKE '%INTO member SELECT%' AND id <> CONNECTION_ID()",
      ),
      [],
    );
    assert.deepEqual(await rows('SELECT id FROM member'), [[1]]);
    const mended = setOf({
      ...members,
      'V2__slow.sql': "INSERT INTO member VALUES (1, 'a');\nINSERT INTO member SELECT 2, 'b';",
    });
    await run(mended);
    assert.deepEqual(await rows('SELECT id FROM member'), [[1], [2]]);
  }));

test('a password in a statement is not shown', () =>
  withDatabase(server, async ({ run }) => {
    const set = setOf({ 'V1__user.sql': "CREATE USER x IDENTIFIED BY 'topsecret';" });
    await assert.rejects(
      run(set),
      (error) => error instanceof MigrationFailure && !error.message.includes('topsecret'),
    );
  }));

test('a statement that the server would not take is found before anything runs', () =>
  withDatabase(server, async ({ run, rows }) => {
    const set = setOf({
      ...members,
      'V2__big.sql': `INSERT INTO member VALUES (1, '${'x'.repeat(17_000_000)}');`,
    });
    await assert.rejects(run(set), /V2__big\.sql:1: statement 1 is longer than the \d+ bytes/);
    assert.deepEqual(await rows('SHOW TABLES'), []);
  }));

test('a database that cannot be used is told without its password', async () => {
  const set = setOf(members);
  const signal = new AbortController().signal;
  for (const url of [
    server.urlOf({ user: 'nobody', password: 'topsecret' }),
    'mysql://u:topsecret@127.0.0.1:1/x',
  ]) {
    await assert.rejects(migrationStatus({ url, set }), (error) => {
      assert.ok(error instanceof OperationError);
      return !error.message.includes('topsecret') && error.message.includes('127.0.0.1');
    });
  }
  await assert.rejects(migrationStatus({ url: server.url(''), set }), UserError);
  assert.ok(!signal.aborted);
});

test('the fingerprint sees every kind of schema change and no change of data', () =>
  withDatabase(server, async ({ admin }) => {
    const seen = new Set([await schemaFingerprint(admin, 'app')]);
    const changes = [
      "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, x INT, c TEXT COMMENT 'AUTO_INCREMENT=5')",
      'ALTER TABLE t ADD y INT INVISIBLE',
      'ALTER TABLE t ALTER x SET DEFAULT 5',
      'CREATE INDEX i ON t (x)',
      'ALTER TABLE t ADD CONSTRAINT positive CHECK (x > 0)',
      'ALTER TABLE t COMMENT = "x"',
      "ALTER TABLE t MODIFY c TEXT COMMENT 'AUTO_INCREMENT=6'",
      'CREATE VIEW v AS SELECT x FROM t',
      'CREATE OR REPLACE VIEW v AS SELECT x + 1 AS x FROM t',
      'CREATE PROCEDURE p(a INT) SELECT 1',
      'CREATE OR REPLACE PROCEDURE p(a BIGINT) SELECT 1',
      'CREATE OR REPLACE PROCEDURE p(a BIGINT) SELECT 2',
      'CREATE FUNCTION f() RETURNS INT RETURN 1',
      'CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.x = 1',
      'CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO SELECT 1',
      'ALTER EVENT e DISABLE',
      'CREATE SEQUENCE s',
      'ALTER SEQUENCE s INCREMENT 2',
      'ALTER DATABASE app COLLATE utf8mb4_bin',
      'RENAME TABLE t TO u',
    ];
    for (const sql of changes) {
      await admin.query(sql);
      const fingerprint = await schemaFingerprint(admin, 'app');
      assert.ok(!seen.has(fingerprint), sql);
      seen.add(fingerprint);
    }
    const last = await schemaFingerprint(admin, 'app');
    await admin.query('DROP TRIGGER IF EXISTS tr');
    const settled = await schemaFingerprint(admin, 'app');
    assert.notEqual(settled, last);
    for (const sql of [
      'INSERT INTO u (x) VALUES (1), (2)',
      'SELECT NEXTVAL(s)',
      'CREATE TABLE holdfast_migration (x INT)',
    ]) {
      await admin.query(sql);
      assert.equal(await schemaFingerprint(admin, 'app'), settled, sql);
    }
  }));
