import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as check, constantFrom, property } from 'fast-check';
import { lineDifference } from './line-difference.ts';

test('what is only in one text is marked, with its neighbours', () => {
  assert.deepEqual(lineDifference('a\nb\nc\nd\ne', 'a\nb\nx\nd\ne'), ['  b', '- c', '+ x', '  d']);
  assert.deepEqual(lineDifference('a\nb', 'a\nb'), []);
});

test('either text can be made from the other and the difference', () => {
  const text = array(constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 12 });
  check(
    property(text, text, (before, after) => {
      const lines = lineDifference(before.join('\n'), after.join('\n'), Number.POSITIVE_INFINITY);
      const side = (mark: string): string[] =>
        lines.filter((line) => line.startsWith(mark) || line.startsWith('  ')).map((line) => line.slice(2));
      if (lines.length === 0) assert.deepEqual(before, after);
      else assert.deepEqual([side('- '), side('+ ')], [before, after]);
    }),
  );
});
