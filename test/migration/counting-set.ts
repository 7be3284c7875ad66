/** Migrations that show whether each statement was applied exactly once, and randomness for killing them. */

import assert from 'node:assert/strict';

/** Counts up whatever would be wrong if it were applied twice or left out. */
export const countingFiles = {
  'V1__start.sql': `CREATE TABLE n (id INT PRIMARY KEY, n INT NOT NULL, pad CHAR(200) NOT NULL DEFAULT '');
INSERT INTO n (id, n) SELECT seq, 0 FROM seq_1_to_4000;
UPDATE n SET n = n + 1;
CREATE TABLE entry (id INT PRIMARY KEY AUTO_INCREMENT, what TEXT);`,
  'V2__change.sql': `INSERT INTO entry (what) VALUES ('first');
ALTER TABLE n ADD a INT NOT NULL DEFAULT 1, ALGORITHM = COPY;
UPDATE n SET n = n + a;
ALTER TABLE n DROP a, ALGORITHM = COPY;
SET @two = 2;
INSERT INTO entry (what) VALUES (@two);
CREATE VIEW v AS SELECT SUM(n) AS n FROM n;`,
  'V3__more.sql': `RENAME TABLE n TO m;
DROP VIEW v;
UPDATE m SET n = n + 1;
CREATE TRIGGER t BEFORE INSERT ON entry FOR EACH ROW BEGIN SET NEW.what = CONCAT(NEW.what, '!'); END;
INSERT INTO entry (what) VALUES ('last');
ALTER TABLE m ADD INDEX (n), ALGORITHM = COPY;`,
};
export const countingStatements = 17;

/** The same, with a backfill, a statement that leaves no trace and a repeatable file behind it. */
export const mixedFiles = {
  ...countingFiles,
  'V4__to_fill.sql': `CREATE TABLE f (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0);
INSERT INTO f (id) SELECT 2 * seq FROM seq_1_to_1000;
CREATE TABLE filled (at INT PRIMARY KEY AUTO_INCREMENT, id INT NOT NULL);
CREATE TABLE scratch (id INT);`,
  'V5__fill.sql': `-- holdfast: backfill f by id, 200 rows
UPDATE f SET n = n + 1 WHERE id BETWEEN @chunk_first AND @chunk_last;
INSERT INTO filled (id) SELECT id FROM f WHERE id BETWEEN @chunk_first AND @chunk_last;`,
  'V6__after.sql': `ALTER TABLE f ADD done BOOLEAN NOT NULL DEFAULT TRUE;
-- holdfast: repeatable
TRUNCATE TABLE scratch;
INSERT INTO scratch SELECT MAX(n) FROM f;`,
  'R__sums.sql': 'CREATE OR REPLACE VIEW sums AS SELECT SUM(n) AS n FROM f;',
};
export const mixedStatements = countingStatements + 10;

type Rows = (sql: string) => Promise<unknown[][]>;

/** Throws unless every statement of `mixedFiles` has been applied exactly once, to every row. */
export async function requireMixedOnce(rows: Rows): Promise<void> {
  await requireAppliedOnce(rows, mixedStatements);
  assert.deepEqual(await rows('SELECT MIN(n), MAX(n), COUNT(*) FROM f'), [[1, 1, 1000]]);
  assert.deepEqual(await rows('SELECT COUNT(*), COUNT(DISTINCT id) FROM filled'), [[1000, 1000]]);
  assert.deepEqual(await rows('SELECT id FROM scratch'), [[1]]);
  const count = 'SELECT COUNT(*) FROM holdfast_migration WHERE repair IS NOT NULL OR error IS NOT NULL';
  assert.deepEqual(await rows(count), [[0]]);
}

/** Throws unless every statement of the files, of which there are `statements`, has been applied exactly once. */
export async function requireAppliedOnce(rows: Rows, statements = countingStatements): Promise<void> {
  assert.deepEqual(await rows('SELECT MIN(n), MAX(n), COUNT(*) FROM m'), [[3, 3, 4000]]);
  assert.deepEqual(await rows('SELECT what FROM entry ORDER BY id'), [['first'], ['2'], ['last!']]);
  const count = "SELECT COUNT(*) FROM holdfast_migration WHERE state = 'applied'";
  assert.deepEqual(await rows(count), [[statements]]);
}

/** A small generator of numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
