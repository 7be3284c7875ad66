import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ownerOfSlot, SLOTS, type OwnerTable } from './owner-table.ts';
import {
  movesOf,
  parseHistory,
  parseHistoryText,
  withChange,
  type SlotMove,
  type TableChange,
} from './table-history.ts';
import { maglevTable } from './tables/maglev.ts';
import { alike, type MakeTable } from './tables/member.ts';
import { steadyTable } from './tables/steady.ts';

function scenes(
  counts: readonly number[],
  make: MakeTable = steadyTable,
): { tables: OwnerTable[]; history: TableChange[] } {
  const tables: OwnerTable[] = [];
  let history: TableChange[] = [];
  for (const [n, count] of counts.entries()) {
    const before = tables.at(-1);
    const ids = Array.from({ length: count }, (_, index) => `login-${index + 1}`);
    const after = make(before, 'login', alike(ids));
    if (after === before) continue;
    history = parseHistory(withChange(history, before, after, { at: 1_000 * n, reason: `${count} owners` }));
    tables.push(after);
  }
  return { tables, history };
}

test('the moves of a slot are those that the tables made, as far back as is known', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(5), { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat(SLOTS - 1), { minLength: 20, maxLength: 20 }),
      (counts, slots) => {
        const { tables, history } = scenes(counts);
        const last = tables.at(-1);
        if (last === undefined) return;
        for (const slot of slots) {
          const owners = [null, ...tables.map((table) => ownerOfSlot(table, slot) ?? null)];
          const expected = tables
            .map(({ epoch }, n) => ({ epoch, from: owners[n], to: owners[n + 1] }))
            .filter(({ from, to }) => from !== to)
            .toReversed();
          const told: readonly SlotMove[] = movesOf(history, last, slot);
          const shown = told.map(({ epoch, from, to }) => ({ epoch, from, to }));
          assert.deepEqual(shown, expected);
        }
      },
    ),
    { numRuns: 20, seed: 3, endOnFailure: true },
  );
});

test('a change tells when it was, why, and how many slots went from whom to whom', () => {
  const [latest, first] = scenes([1, 2]).history;
  assert.deepEqual(latest?.flows, [{ from: 'login-1', to: 'login-2', slots: 32_768 }]);
  assert.deepEqual(
    [latest?.epoch, latest?.at, latest?.reason, latest?.moved],
    [2, 1_000, '2 owners', 32_768],
  );
  assert.deepEqual(first?.flows, [{ from: null, to: 'login-1', slots: SLOTS }]);
});

test('a history is bounded, and the oldest changes lose what is long first', () => {
  const counts = Array.from({ length: 60 }, (_, n) => 2 + (n % 4));
  const { history } = scenes(counts, maglevTable);
  assert.equal(history.length, 40);
  assert.ok(JSON.stringify(history).length < 110 * 1024, `${JSON.stringify(history).length} characters`);
  assert.notEqual(history[0]?.former, undefined);
  assert.equal(history.at(-1)?.former, undefined);
});

test('a change in which no owner moves is none, and one that never came into force is forgotten', () => {
  const { tables, history } = scenes([1, 2]);
  const [first, second] = tables;
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual(withChange(history, second, { ...second, epoch: 3 }, { at: 0, reason: 'x' }), history);
  const instead = withChange(history, first, { ...second, epoch: 2 }, { at: 9, reason: 'instead' });
  assert.deepEqual(
    instead.map(({ epoch, reason }) => [epoch, reason]),
    [
      [2, 'instead'],
      [1, '1 owners'],
    ],
  );
});

test('a damaged history is as good as none', () => {
  const { tables, history } = scenes([1, 2]);
  const [, table] = tables;
  assert.ok(table !== undefined);
  for (const text of [undefined, '', '{', '7', '[{"epoch":1}]']) assert.deepEqual(parseHistoryText(text), []);
  const bad = history.map((change) => ({ ...change, former: { owners: [], slots: 'AAAA' } }));
  assert.deepEqual(movesOf(bad, table, 7), []);
});
