import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unclearBackslashes } from './backslashes.ts';
import { parseMigrations } from './source.ts';

const strict = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO';

function unclear(sql: string, mode: string): string[] {
  const { files } = parseMigrations('set', [{ file: 'V1__x.sql', content: Buffer.from(sql) }]);
  return unclearBackslashes(files, mode);
}

test('a backslash is unclear only where the server reads it otherwise than the splitter', () => {
  const sql = String.raw`SELECT 1; SELECT 'a\'b';`;
  assert.deepEqual(unclear(sql, strict), []);
  assert.match(unclear(sql, `${strict},NO_BACKSLASH_ESCAPES`).join(), /^V1__x\.sql:1: statement 2 has/);
  assert.deepEqual(
    unclear(String.raw`SELECT 'a''b', ` + '`c\\d`' + String.raw` -- \ `, 'NO_BACKSLASH_ESCAPES'),
    [],
  );
});

test('a name with a backslash is unclear where double quotes are for names', () => {
  assert.equal(unclear(String.raw`SELECT "a\"b";`, 'REAL_AS_FLOAT,ANSI_QUOTES').length, 1);
  assert.deepEqual(unclear(String.raw`SELECT 'a\'b', '{"a": "b\n"}';`, 'ANSI_QUOTES'), []);
});

test('a file that sets sql_mode first says itself how its backslashes are meant', () => {
  const sql = String.raw`SET sql_mode = 'STRICT_TRANS_TABLES'; SELECT 'a\'b';`;
  assert.deepEqual(unclear(sql, 'NO_BACKSLASH_ESCAPES'), []);
  assert.equal(unclear(String.raw`SELECT '\\'; ${sql}`, 'NO_BACKSLASH_ESCAPES').length, 1);
});
