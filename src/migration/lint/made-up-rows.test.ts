import assert from 'node:assert/strict';
import { test } from 'node:test';
import { madeUpValue, type FillColumn } from './made-up-rows.ts';

function values(column: Partial<FillColumn> & Pick<FillColumn, 'type'>): unknown[] {
  const whole = { name: 'a', wholeType: column.type, length: null, isJson: false, ...column };
  return [1, 2, 3].map((number) => madeUpValue(whole, number));
}

test('a value in a made-up row fits its type, and is another one in each row where it can be', () => {
  assert.deepEqual(values({ type: 'bigint' }), [1, 2, 3]);
  assert.deepEqual(values({ type: 'varchar', length: 10 }), ['x'.repeat(8), 'x'.repeat(10), 'xxxx']);
  assert.deepEqual(values({ type: 'enum', wholeType: "enum('a','b')" }), ['a', 'b', 'a']);
  assert.deepEqual(values({ type: 'longtext', length: 4_294_967_295, isJson: true }), ['{}', '{}', '{}']);
  assert.deepEqual(values({ type: 'date' })[0], '2020-01-20');
  assert.deepEqual(values({ type: 'varbinary', length: 2 })[0], Buffer.from('aa'));
});
