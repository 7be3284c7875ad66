import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { movedSlots, NOBODY, slotCounts, SLOTS } from './owner-table.ts';
import type { OwnerTable } from './owner-table.ts';
import { steadyTable } from './steady.ts';

type Rebalance = (
  previous: OwnerTable | undefined,
  service: string,
  members: readonly string[],
) => OwnerTable;

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `login-${n + 1}`);

/**
 * The fewest slots that any even table can differ in from `before`: every member keeps what it has up
 * to its share, and as many as get the larger share keep one more.
 */
function fewestMoves(before: OwnerTable | undefined, members: ReadonlySet<string>): number {
  if (before === undefined) return SLOTS;
  if (members.size === 0) return before.slots.filter((owner) => owner !== NOBODY).length;
  const share = Math.floor(SLOTS / members.size);
  const counts = slotCounts(before);
  const kept = [...members].map((member) => counts[before.owners.indexOf(member)] ?? 0);
  const keptUpToShare = kept.reduce((sum, count) => sum + Math.min(count, share), 0);
  const fuller = kept.filter((count) => count > share).length;
  return SLOTS - keptUpToShare - Math.min(fuller, SLOTS % members.size);
}

/** What is wrong with `after` as the next table; empty when nothing is. */
function violations(before: OwnerTable | undefined, after: OwnerTable, members: readonly string[]): string[] {
  const wanted = new Set(members);
  const found: string[] = [];
  if (after.owners.some((owner) => !wanted.has(owner))) found.push('a slot belongs to somebody who left');
  const counts = slotCounts(after);
  if (counts.length !== wanted.size) found.push('a member is missing');
  if (wanted.size > 0 && counts.reduce((sum, count) => sum + count, 0) !== SLOTS)
    found.push('a slot is free');
  if (wanted.size > 0 && Math.max(...counts) - Math.min(...counts) > 1) found.push('uneven');
  const fewest = fewestMoves(before, wanted);
  if (wanted.size > 0 && movedSlots(before, after) > fewest) found.push('more moves than needed');
  return found;
}

function violationsOfHistory(rebalance: Rebalance, history: readonly (readonly string[])[]): string[] {
  let table: OwnerTable | undefined;
  const found: string[] = [];
  for (const members of history) {
    const next = rebalance(table, 'login', members);
    found.push(...violations(table, next, members));
    table = next;
  }
  return found;
}

const histories = fc.array(
  fc.uniqueArray(
    fc.nat(40).map((n) => `login-${n}`),
    { minLength: 0, maxLength: 30 },
  ),
  { minLength: 2, maxLength: 12 },
);

test('after any history the table is even to one slot, by the fewest moves, and owned by members only', () => {
  fc.assert(
    fc.property(histories, (history) => {
      assert.deepEqual(violationsOfHistory(steadyTable, history), []);
    }),
    { numRuns: 40 },
  );
});

test('long histories of instances that come and go one at a time keep it so', () => {
  const steps = fc.array(fc.record({ joins: fc.boolean(), which: fc.nat(1_000) }), {
    minLength: 60,
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, (changes) => {
      const members = ['login-0'];
      const history = changes.map(({ joins, which }, n) => {
        if (joins || members.length === 1) members.push(`login-${n + 1}`);
        else members.splice(which % members.length, 1);
        return [...members];
      });
      assert.deepEqual(violationsOfHistory(steadyTable, history), []);
    }),
    { numRuns: 10 },
  );
});

test('the order of the members and repeated names make no difference', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(50), { minLength: 2, maxLength: 20 }), (numbers) => {
      const members = numbers.map((n) => `login-${n}`);
      const before = steadyTable(undefined, 'login', names(5));
      assert.deepEqual(
        steadyTable(before, 'login', members),
        steadyTable(before, 'login', [...members.toReversed(), ...members]),
      );
    }),
    { numRuns: 20 },
  );
});

test('the epoch grows by one with a change, and without one the very same table comes back', () => {
  const first = steadyTable(undefined, 'login', names(3));
  assert.equal(first.epoch, 1);
  assert.equal(steadyTable(first, 'login', names(3).toReversed()), first);
  assert.equal(steadyTable(first, 'login', names(4)).epoch, 2);
  const shuffled: OwnerTable = {
    ...first,
    owners: first.owners.toReversed(),
    slots: first.slots.map((o) => 2 - o),
  };
  assert.equal(steadyTable(shuffled, 'login', names(3)), shuffled);
});

test('without members every slot belongs to nobody, and the next members share all of them', () => {
  const before = steadyTable(undefined, 'login', names(2));
  const empty = steadyTable(before, 'login', []);
  assert.equal(
    empty.slots.every((owner) => owner === NOBODY),
    true,
  );
  assert.equal(empty.epoch, 2);
  assert.equal(steadyTable(empty, 'login', []), empty);
  const after = steadyTable(empty, 'login', names(2));
  assert.deepEqual(slotCounts(after), [32_769, 32_768]);
});

test('what a new instance gets is spread over the whole table', () => {
  const before = steadyTable(undefined, 'login', names(3));
  const after = steadyTable(before, 'login', names(4));
  const quarters = [0, 0, 0, 0];
  after.slots.forEach((owner, slot) => {
    const quarter = Math.floor((slot * 4) / SLOTS);
    if (after.owners[owner] === 'login-4') quarters[quarter] = (quarters[quarter] ?? 0) + 1;
  });
  for (const count of quarters) assert.ok(Math.abs(count - SLOTS / 16) < 10, quarters.join(', '));
});

test('more instances than a table has room for are refused', () => {
  assert.throws(() => steadyTable(undefined, 'login', names(NOBODY)), RangeError);
  assert.equal(steadyTable(undefined, 'login', names(NOBODY - 1)).owners.length, NOBODY - 1);
});

test('the checker catches a table that is built anew each time, and one that is left uneven', () => {
  const anew: Rebalance = (previous, service, members) => {
    const owners = [...members].toSorted();
    const slots = Uint16Array.from({ length: SLOTS }, (_, slot) => slot % owners.length);
    return { service, epoch: (previous?.epoch ?? 0) + 1, owners, slots };
  };
  const lazy: Rebalance = (previous, service, members) => {
    const owners = [...members].toSorted();
    const slots = Uint16Array.from({ length: SLOTS }, (_, slot) => {
      const owner = previous?.owners[previous.slots[slot] ?? NOBODY] ?? '';
      return Math.max(0, owners.indexOf(owner));
    });
    return { service, epoch: (previous?.epoch ?? 0) + 1, owners, slots };
  };
  const forgetful: Rebalance = (previous, service, members) =>
    previous === undefined ? steadyTable(previous, service, members) : previous;
  const history = [names(3), names(4), names(2)];
  assert.deepEqual(new Set(violationsOfHistory(anew, history)), new Set(['more moves than needed']));
  assert.ok(violationsOfHistory(lazy, history).includes('uneven'));
  assert.ok(violationsOfHistory(forgetful, history).includes('a slot belongs to somebody who left'));
});
