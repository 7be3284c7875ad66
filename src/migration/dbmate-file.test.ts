import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasUpMark, readUpBlock } from './dbmate-file.ts';

test('the block ends where the other begins, or with the file', () => {
  assert.equal(
    readUpBlock('-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;').text,
    '-- migrate:up\nSELECT 1;\n',
  );
  assert.equal(readUpBlock('-- x\n--migrate:up\nSELECT 1;').text, '\n--migrate:up\nSELECT 1;');
});

test('what dbmate would not run is told with its line', () => {
  const problems = (text: string): unknown[] =>
    readUpBlock(text).problems.map(({ line, message }) => [line, message]);
  assert.deepEqual(problems('-- x\nSELECT 1;\n-- migrate:up\nSELECT 2;'), [
    [2, 'nothing but comments may stand before -- migrate:up'],
  ]);
  assert.deepEqual(problems('-- migrate:down\n\n-- migrate:up\n'), [
    [1, '-- migrate:down stands before -- migrate:up'],
  ]);
  assert.deepEqual(problems('\n-- migrate:up once:true\n'), [[2, '-- migrate:up has no option "once:true"']]);
  assert.deepEqual(problems('-- migrate:up transaction:true\n'), []);
});

test('only a mark at the beginning of a line counts', () => {
  assert.ok(hasUpMark('-- migrate:up'));
  assert.ok(hasUpMark('SELECT 1;\n-- migrate:up transaction:false\n'));
  assert.ok(!hasUpMark("SELECT '-- migrate:up'"));
  assert.ok(!hasUpMark('-- migrate:upward'));
});
