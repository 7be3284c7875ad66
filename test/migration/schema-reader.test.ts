/** On a shadow only what a statement may have changed is read again: that has to be as good as reading all. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { readSession } from '../../src/migration/connect.ts';
import { readLiveSettings } from '../../src/migration/shadow/live-settings.ts';
import { rehearse, type Rehearsal } from '../../src/migration/shadow/rehearsal.ts';
import { startShadow } from '../../src/migration/shadow/shadow-server.ts';
import { startMariadb, testAccounts, type TestServer } from '../support/mariadb.ts';
import { migrationHistory } from '../../bench/migration-history.ts';
import { setOf } from './support.ts';

let server: TestServer;
let temporary: string;
before(async () => {
  server = await startMariadb();
  temporary = await mkdtemp(join(tmpdir(), 'holdfast-shadows-'));
});
after(async () => {
  await server.close();
  await rm(temporary, { recursive: true, force: true });
});

const files = {
  'V1__tables.sql': `CREATE TABLE parent (id INT PRIMARY KEY, name INT);
CREATE TABLE child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parent (id));
CREATE OR REPLACE TABLE loose (a INT);
CREATE OR REPLACE TABLE loose (b INT);
CREATE OR REPLACE TABLE loose (c INT);
ALTER TABLE parent CHANGE id number INT;
RENAME TABLE parent TO elder;
ALTER TABLE elder ADD note VARCHAR(10), ALGORITHM = INSTANT;
CREATE TABLE copy LIKE child;
CREATE TABLE filled SELECT 1 AS one;
CREATE TABLE parts (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10));
ALTER TABLE parts ADD PARTITION (PARTITION p1 VALUES LESS THAN (20));
INSERT INTO parts VALUES (1);
TRUNCATE parts;`,
  'V2__others.sql': `CREATE VIEW seen AS SELECT number, note FROM elder;
CREATE TRIGGER first BEFORE INSERT ON child FOR EACH ROW SET NEW.parent = 1;
CREATE TRIGGER second BEFORE INSERT ON child FOR EACH ROW PRECEDES first SET NEW.id = 1;
RENAME TABLE child TO grandchild;
DROP TRIGGER first;
CREATE OR REPLACE VIEW seen AS SELECT note FROM elder;
RENAME TABLE seen TO glimpsed;
DROP VIEW glimpsed;
CREATE SEQUENCE number START WITH 5;
ALTER SEQUENCE number RESTART 50;
SELECT NEXTVAL(number);
CREATE VIEW number_view AS SELECT 1 AS one;
DROP SEQUENCE number;
CREATE TABLE number (id INT);
CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC RETURN a;
CREATE PROCEDURE p(IN a INT, OUT b INT) BEGIN CREATE TABLE made (id INT); DROP TABLE made; CREATE TABLE stays (id INT); END;
CALL p(1, @b);
ALTER PROCEDURE p COMMENT 'said';
DROP FUNCTION f;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1;
ALTER EVENT e DISABLE;
ALTER DATABASE CHARACTER SET latin1;
DROP TABLE stays, number;
DROP TABLE grandchild;
DROP TABLE IF EXISTS nothing;`,
  'V3__names.sql': `CREATE TABLE \`odd name\` (id INT PRIMARY KEY);
CREATE TABLE größe (id INT, FOREIGN KEY (id) REFERENCES \`odd name\` (id));
ALTER TABLE \`odd name\` CHANGE id nummer INT;
RENAME TABLE größe TO plain;
DROP TABLE plain;`,
};

async function rehearsal(
  from: Readonly<Record<string, string>>,
  thorough: boolean,
): Promise<Rehearsal | undefined> {
  const live = await createConnection(connectionOptions(server.urlOf(testAccounts.migrator)));
  try {
    const { signal } = new AbortController();
    const settings = await readLiveSettings(live, 'app');
    const session = await readSession(live);
    const place = { temporary, searchPath: process.env['PATH'] ?? '', live: settings, signal };
    await using shadow = await startShadow(place);
    const steps = setOf(from).files.flatMap((file) =>
      file.statements.map((statement) => ({ file, statement })),
    );
    return await rehearse({ shadow, database: 'app', session, signal }, steps, { thorough });
  } finally {
    live.destroy();
  }
}

const histories = { 'odd statements': files, 'a usual history': Object.fromEntries(migrationHistory(12)) };
for (const [name, from] of Object.entries(histories)) {
  test(`every schema of ${name} is read as if all of it had been read`, async () => {
    const whole = await rehearsal(from, true);
    const bitByBit = await rehearsal(from, false);
    assert.deepEqual(bitByBit, whole);
    const failed = bitByBit?.steps.flatMap(({ error }) => error ?? []);
    assert.deepEqual(failed, []);
  });
}
