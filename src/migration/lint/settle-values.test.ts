import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Parameter } from './recording.ts';
import { otherParameters, presentParameters } from './settle-values.ts';

const unknown: Parameter = { type: 'unknown', value: null };
const known: Parameter = { type: 'int', value: 7 };

test('for values that were not seen every combination of likely ones is tried, the others stay', () => {
  const tried = otherParameters([unknown, known, unknown]);
  assert.equal(tried.length, 16);
  assert.equal(new Set(tried.map((parameters) => JSON.stringify(parameters))).size, 16);
  for (const parameters of tried) {
    assert.deepEqual(parameters[1], known);
    assert.ok(parameters.every(({ value }) => value !== null));
  }
});

test('for many of them the number of tries stays small', () => {
  assert.ok(otherParameters(Array.from({ length: 40 }, () => unknown)).length < 1_000);
});

test('for known values others of their types are tried, one at a time', () => {
  const tried = otherParameters([known, known]);
  assert.ok(tried.length > 50);
  for (const parameters of tried)
    assert.ok(parameters.filter(({ value }) => value !== known.value).length <= 1);
});

test('values that are in the tables are tried where they fit by their type', () => {
  const text: Parameter = { type: 'varchar', value: 'xxxx' };
  const date: Parameter = { type: 'date', value: '2020-01-20' };
  const rows = [
    [{ id: '7', name: 'garden', note: null }],
    [{ id: '8', name: 'garden', note: 'x'.repeat(500) }],
  ];
  const values = presentParameters([known, text, date], rows).map((parameters) =>
    parameters.map(({ value }) => value),
  );
  assert.deepEqual(values, [
    ['7', 'xxxx', '2020-01-20'],
    ['8', 'xxxx', '2020-01-20'],
    [7, 'garden', '2020-01-20'],
  ]);
});
