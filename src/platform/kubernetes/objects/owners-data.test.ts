import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeTableText, HISTORY_KEY, TABLE_KEY } from '../../../routing/published-structure.ts';
import { parseHistoryText } from '../../../routing/table-history.ts';
import { alike } from '../../../routing/tables/member.ts';
import { steadyTable } from '../../../routing/tables/steady.ts';
import { ownersData } from './owners-data.ts';

const first = steadyTable(undefined, 'login', alike(['login-a']));
const second = steadyTable(first, 'login', alike(['login-a', 'login-b']));

test('a table is published with what became of those before it', () => {
  const before = ownersData(undefined, { table: first, at: 1, reason: '1 owners' });
  const after = ownersData(before, { table: second, at: 2, reason: '2 owners' });
  assert.deepEqual(decodeTableText(after[TABLE_KEY] ?? '').owners, second.owners);
  const told = parseHistoryText(after[HISTORY_KEY]).map(({ epoch, at, reason }) => [epoch, at, reason]);
  assert.deepEqual(told, [
    [2, 2, '2 owners'],
    [1, 1, '1 owners'],
  ]);
});

test('what was damaged by hand is as good as none', () => {
  const after = ownersData(
    { [TABLE_KEY]: 'x', [HISTORY_KEY]: '{' },
    { table: second, at: 2, reason: 'anew' },
  );
  assert.deepEqual(parseHistoryText(after[HISTORY_KEY])[0]?.moved, 65_537);
});
