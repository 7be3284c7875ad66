import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Row } from './effect.ts';
import { difference, instability, type Compared, type Done, type ValueKind } from './observation.ts';

const compared: Compared = {
  isOrdered: false,
  unstable: { columns: new Set(), wholeResult: false, wholeEffect: false },
  readable: new Set(['t', 't.id', 't.name']),
};

function read(rows: readonly Row[], kind: ValueKind = 'text'): Done {
  const columns = new Map(Object.keys(rows[0] ?? { name: '' }).map((name) => [name, kind] as const));
  return { kind: 'done', warnings: [], results: [{ columns, rows }], effect: [] };
}

function wrote(cells: Row, affected = 1): Done {
  const effect = [{ table: 't', action: 'insert', key: { id: cells['id'] ?? null }, cells }] as const;
  return { kind: 'done', warnings: [], results: [], affected, effect };
}

const [a, b] = [{ name: 'a' }, { name: 'b' }];

test('further columns, and another order where none was asked for, are tolerated', () => {
  assert.equal(difference(compared, read([a, b]), read([b, a])), undefined);
  assert.equal(difference(compared, read([a]), read([{ name: 'a', more: 'x' }])), undefined);
  const ordered = { ...compared, isOrdered: true };
  assert.equal(difference(ordered, read([a, b]), read([b, a]))?.detail, 'returns the rows in another order');
});

test('a missing column and one of another kind are noticed without any rows', () => {
  assert.equal(difference(compared, read([], 'date'), read([], 'datetime'))?.how, 'rows');
  assert.match(
    difference(compared, read([a]), read([{ other: 'a' }]))?.detail ?? '',
    /column name is missing/,
  );
});

test('more rows are told apart from other rows', () => {
  assert.equal(difference(compared, read([a]), read([a, b]))?.isMore, true);
  assert.equal(difference(compared, read([a]), read([b, b]))?.isMore, false);
  assert.equal(difference(compared, read([a, b]), read([a]))?.isMore, false);
});

test('a write is noticed by what it leaves behind, in columns that can still be read', () => {
  const before = wrote({ id: '1', name: 'a', gone: 'x' });
  assert.equal(difference(compared, before, wrote({ id: '1', name: 'a' })), undefined);
  assert.equal(difference(compared, before, wrote({ id: '1', name: 'b' }))?.how, 'effect');
  assert.equal(difference(compared, before, wrote({ id: '1', name: 'a' }, 2))?.how, 'effect');
});

test('what differs between two runs on the same schema is not compared', () => {
  const unstable = instability(wrote({ id: '1', name: 'a' }), wrote({ id: '2', name: 'a' }));
  assert.deepEqual([...unstable.columns], ['t.id']);
  const before = wrote({ id: '2', name: 'a' });
  assert.equal(difference({ ...compared, unstable }, before, wrote({ id: '9', name: 'a' })), undefined);
});

test('errors and new warnings are noticed, warnings of before are not', () => {
  const refused = { kind: 'refused', code: 1054, message: 'Unknown column' } as const;
  assert.deepEqual(difference(compared, read([a]), refused), {
    how: 'error',
    code: 1054,
    detail: 'Unknown column',
  });
  const warned = { ...read([a]), warnings: [1265] };
  assert.equal(difference(compared, read([a]), warned)?.how, 'warning');
  assert.equal(difference(compared, warned, warned), undefined);
});
