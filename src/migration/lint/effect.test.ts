import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparableEffect, effectOf, type KnownTable } from './effect.ts';

const members: KnownTable = { name: 'members', columns: ['id', 'name'], key: ['id'] };
const log: KnownTable = { name: 'log', columns: ['text'], key: [] };

test('new, changed and deleted rows are told apart by their keys', () => {
  const before = [
    [
      { id: '1', name: 'a' },
      { id: '2', name: 'b' },
      { id: '3', name: 'c' },
    ],
  ];
  const after = [
    [
      { id: '1', name: 'a' },
      { id: '2', name: 'x' },
      { id: '4', name: 'd' },
    ],
  ];
  assert.deepEqual(effectOf([members], before, after), [
    { table: 'members', action: 'update', key: { id: '2' }, cells: { name: 'x' } },
    { table: 'members', action: 'insert', key: { id: '4' }, cells: { id: '4', name: 'd' } },
    { table: 'members', action: 'delete', key: { id: '3' }, cells: {} },
  ]);
});

test('rows without a key are counted', () => {
  const effect = effectOf([log], [[{ text: 'a' }, { text: 'a' }]], [[{ text: 'a' }, { text: 'b' }]]);
  assert.deepEqual(
    effect.map(({ action, cells }) => [action, cells]),
    [
      ['insert', { text: 'b' }],
      ['delete', { text: 'a' }],
    ],
  );
});

test('columns that do not count are left out of a comparison', () => {
  const effect = effectOf([members], [[]], [[{ id: '7', name: 'a' }]]);
  assert.deepEqual(
    comparableEffect(effect, (column) => column !== 'members.id'),
    ['["members","insert",[],[["name","a"]]]'],
  );
});
