import assert from 'node:assert/strict';
import { test } from 'node:test';
import { executeText, literal } from './execute-text.ts';

test('a statement is given to the server with literals of the types of its parameters', () => {
  const text = executeText("SELECT '\\n' = ?, ?, ?", [
    { type: 'varchar', value: "it's \\ " },
    { type: 'decimal', value: '1.50' },
    { type: 'bigint', value: null },
  ]);
  assert.equal(text, "EXECUTE IMMEDIATE 'SELECT ''\\\\n'' = ?, ?, ?' USING 'it''s \\\\ ', 1.50, NULL");
});

test('what is no number is never given as one', () => {
  assert.equal(literal({ type: 'int', value: '1; DROP TABLE t' }), "'1; DROP TABLE t'");
  assert.equal(literal({ type: 'blob', value: "x'" }), "'x'''");
  assert.equal(literal({ type: 'blob', value: 'ff00' }), "X'ff00'");
});
