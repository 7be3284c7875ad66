import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alteredTable } from './altered-table.ts';

test('the table of an alteration is found behind its words', () => {
  const names = [
    'ALTER TABLE members ADD a INT',
    'alter /* why */ online ignore table if exists `members` add a int',
    'ALTER TABLE app.members DROP a',
    'ALTER TABLE `app`.`members` FORCE',
    'CREATE UNIQUE INDEX IF NOT EXISTS by_name ON members (name)',
    'DROP INDEX by_name ON members',
  ].map(alteredTable);
  assert.deepEqual(new Set(names), new Set(['members']));
});

test('other statements alter none', () => {
  for (const sql of [
    'CREATE TABLE members (id INT)',
    'DROP TABLE members',
    'UPDATE members SET a = 1',
    'ALTER VIEW v AS SELECT 1',
  ])
    assert.equal(alteredTable(sql), undefined);
});
