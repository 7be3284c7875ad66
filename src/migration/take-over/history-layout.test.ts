import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isForeignHistory } from './history-layout.ts';

const table = (name: string, ...columns: string[]): string =>
  `CREATE TABLE \`${name}\` (\n${columns.map((column) => `  \`${column}\` bigint(20) NOT NULL,\n`).join('')}  PRIMARY KEY (\`${columns[0] ?? ''}\`)\n) ENGINE=InnoDB`;

const flyway = ['installed_rank', 'version', 'description', 'type', 'script', 'checksum', 'success'];

test("the histories of other tools are recognised whatever they are named, dbmate's by its name too", () => {
  assert.ok(isForeignHistory(table('flyway_schema_history', ...flyway)));
  assert.ok(isForeignHistory(table('our_history', ...flyway)));
  assert.ok(isForeignHistory(table('schema_migrations', 'version', 'dirty')));
  assert.ok(isForeignHistory(table('schema_migrations', 'version')));
});

test('a table of the application is no history', () => {
  assert.ok(!isForeignHistory(table('release', 'version')));
  assert.ok(!isForeignHistory(table('page', 'version', 'dirty', 'text')));
  assert.ok(!isForeignHistory(table('schema_migrations', 'version', 'applied_at')));
  assert.ok(!isForeignHistory(table('entry', 'id')));
});
