/** What a shadow foresees, and what is made of it after a crash. */

import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { MigrationRefused } from '../../src/migration/migration-failure.ts';
import type { MigrationProgress } from '../../src/migration/progress.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { setOf, withDatabase } from './support.ts';

let server: TestServer;
let folder: string;
before(async () => {
  server = await startMariadb();
});
after(() => server.close());
beforeEach(async (context) => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-shadow-test-'));
  if ('after' in context) context.after(() => rm(folder, { recursive: true, force: true }));
});

const searchPath = process.env['PATH'] ?? '';
const shadow = (): { temporary: string; searchPath: string; cache: string } => ({
  temporary: folder,
  searchPath,
  cache: join(folder, 'cache'),
});

const everything = {
  'V1__all.sql': `CREATE TABLE member (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) NOT NULL);
CREATE TABLE entry (id INT PRIMARY KEY, member INT, FOREIGN KEY (member) REFERENCES member (id));
CREATE SEQUENCE number;
INSERT INTO member (name) VALUES ('a'), ('b');
INSERT INTO entry VALUES (1, 1);
CREATE VIEW names AS SELECT name FROM member;
CREATE FUNCTION twice(x INT) RETURNS INT DETERMINISTIC RETURN 2 * x;
CREATE PROCEDURE rename_all() BEGIN UPDATE member SET name = 'x'; END;
CREATE TRIGGER short BEFORE INSERT ON member FOR EACH ROW BEGIN SET NEW.name = LEFT(NEW.name, 3); END;
CREATE EVENT clean ON SCHEDULE EVERY 1 YEAR DO DELETE FROM entry WHERE id < 0;`,
};
const more = {
  ...everything,
  'V2__more.sql': `ALTER TABLE member ADD balance BIGINT NOT NULL DEFAULT 0;
INSERT INTO entry VALUES (2, 2);
CALL rename_all();
ALTER TABLE entry DROP FOREIGN KEY entry_ibfk_1;
SET @x = 1;
DROP VIEW names;`,
};

test('a shadow foresees the schema after every statement of every kind, and is gone afterwards', () =>
  withDatabase(server, async ({ run, rows }) => {
    const notes: MigrationProgress[] = [];
    const progress = (event: MigrationProgress): void => {
      if (event.kind === 'note') notes.push(event);
    };
    await run(setOf(everything), { shadow: shadow(), progress });
    await run(setOf(more), { shadow: shadow(), progress });
    assert.deepEqual(notes, []);
    const unknown = await rows(
      'SELECT version, statement, error FROM holdfast_migration WHERE fingerprint_after IS NULL',
    );
    assert.deepEqual(unknown, []);
    const single = await rows(
      'SELECT version, statement FROM holdfast_migration WHERE is_single ORDER BY 1, 2',
    );
    assert.deepEqual(
      single.map(([version, statement]) => `${String(version)}:${String(statement)}`),
      ['1:1', '1:2', '1:3', '1:6', '1:7', '1:8', '1:9', '1:10', '2:1', '2:4', '2:6'],
    );
    assert.deepEqual(await readdir(folder), ['cache']);
    assert.equal((await stat(join(folder, 'cache'))).mode & 0o777, 0o700);
    for (const name of await readdir(join(folder, 'cache')))
      assert.equal((await stat(join(folder, 'cache', name))).mode & 0o777, 0o600);
  }));

test('a database that was changed by hand is copied, and what differs is told', () =>
  withDatabase(server, async ({ run, admin, rows }) => {
    await run(setOf(everything), { shadow: shadow() });
    await admin.query('ALTER TABLE member ADD by_hand INT');
    const notes: string[] = [];
    await run(setOf(more), {
      shadow: shadow(),
      progress: (event) => {
        if (event.kind === 'note') notes.push(event.text);
      },
    });
    assert.equal(notes.length, 1);
    assert.match(notes[0] ?? '', /not what the files lead to: table member/);
    // The foreign key of the second statement has no row to refer to on the copy: it is known to change no schema.
    assert.deepEqual(
      await rows(
        "SELECT COUNT(*) FROM holdfast_migration WHERE version = '2' AND fingerprint_after IS NOT NULL",
      ),
      [[6]],
    );
  }));

/** The journal as a crash leaves it in the middle of the last statement: begun, not finished. */
const interrupted = "UPDATE holdfast_migration SET state = 'running', began = 1 WHERE version = '2'";

test('an interrupted schema change is found applied, or not, or is shown with the difference', () =>
  withDatabase(server, async ({ run, admin, rows }) => {
    const set = setOf({ ...everything, 'V2__x.sql': 'ALTER TABLE member ADD x INT;' });
    const outcomes: string[] = [];
    const progress = (event: MigrationProgress): void => {
      if (event.kind === 'recovered') outcomes.push(event.outcome);
    };
    await run(set, { shadow: shadow() });
    await admin.query(interrupted);
    await run(set, { shadow: shadow(), progress });
    await admin.query('ALTER TABLE member DROP x');
    await admin.query(interrupted);
    await run(set, { shadow: shadow(), progress });
    assert.deepEqual(outcomes, ['applied', 'not-applied']);
    assert.deepEqual(await rows('SELECT x FROM member LIMIT 1'), [[null]]);
    await admin.query('ALTER TABLE member MODIFY x BIGINT');
    await admin.query(interrupted);
    await assert.rejects(run(set, { shadow: shadow() }), (error) => {
      assert.ok(error instanceof MigrationRefused);
      assert.match(error.message, /V2__x\.sql:1: statement 1 was interrupted/);
      assert.match(error.message, /- +`x` int\(11\) DEFAULT NULL,?\n.*\+ +`x` bigint\(20\) DEFAULT NULL/);
      assert.match(error.message, /migrate repair --applied V2:1/);
      return true;
    });
  }));

test('an interrupted statement that leaves no trace is run again only if it is said to be repeatable', () =>
  withDatabase(server, async ({ run, admin }) => {
    const sql = 'TRUNCATE TABLE entry;';
    const set = setOf({ ...everything, 'V2__x.sql': sql });
    await run(set, { shadow: shadow() });
    await admin.query(interrupted);
    await assert.rejects(run(set, { shadow: shadow() }), /leaves no trace in the schema/);
    const repeatable = setOf({ ...everything, 'V2__x.sql': `-- holdfast: repeatable\n${sql}` });
    await run(repeatable, { shadow: shadow() });
    await run(repeatable, { shadow: shadow() });
  }));

test('a routine that changes the schema and commits in between is not taken for done', () =>
  withDatabase(server, async ({ run, admin }) => {
    const set = setOf({
      'V1__x.sql':
        'CREATE TABLE t (id INT PRIMARY KEY);\nCREATE PROCEDURE p() BEGIN CREATE TABLE u (id INT); INSERT INTO t VALUES (1); END;',
      'V2__x.sql': 'CALL p();',
    });
    await run(set, { shadow: shadow() });
    await admin.query(interrupted);
    await assert.rejects(run(set, { shadow: shadow() }), /it does several things and commits in between/);
  }));

test('without a shadow the reason is told and the migrations run', () =>
  withDatabase(server, async ({ run }) => {
    const notes: string[] = [];
    const progress = (event: MigrationProgress): void => {
      if (event.kind === 'note') notes.push(event.text);
    };
    await run(setOf(everything), {
      shadow: { temporary: join(import.meta.filename, 'below'), searchPath },
      progress,
    });
    assert.equal(notes.length, 1);
    assert.match(
      notes[0] ?? '',
      /without a shadow \(.+\): an interrupted statement will be judged by its words/,
    );
  }));
