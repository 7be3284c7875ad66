import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { movedSlots, NOBODY, slotCounts, SLOTS, type OwnerTable } from '../owner-table.ts';
import { alike, type MakeTable, type Member } from './member.ts';
import { steadyTable } from './steady.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `login-${n + 1}`);

const held = (table: OwnerTable | undefined, { id }: Member): number =>
  table === undefined ? 0 : (slotCounts(table)[table.owners.indexOf(id)] ?? 0);

/** All ways to choose `count` of `items`. */
function choices<Item>(items: readonly Item[], count: number): Item[][] {
  if (count === 0) return [[]];
  const [first, ...others] = items;
  if (first === undefined) return [];
  return [...choices(others, count - 1).map((chosen) => [first, ...chosen]), ...choices(others, count)];
}

/**
 * The fewest slots that have another owner in any table with exact shares, rounded up or down: what members
 * have above their share and what nobody has, for the best of all ways to round.
 */
function fewestMoves(before: OwnerTable | undefined, members: readonly Member[]): number {
  const sum = members.reduce((total, { weight }) => total + weight, 0);
  const lower = members.map(({ weight }) => Math.floor((SLOTS * weight) / sum));
  const uneven = [...members.keys()].filter((n) => (SLOTS * (members[n]?.weight ?? 0)) % sum > 0);
  const counts = members.map((member) => held(before, member));
  const unowned = SLOTS - counts.reduce((total, count) => total + count, 0);
  const rest = SLOTS - lower.reduce((total, share) => total + share, 0);
  const surpluses = choices(uneven, rest).map((roundedUp) =>
    counts.reduce(
      (total, count, n) => total + Math.max(0, count - (lower[n] ?? 0) - Number(roundedUp.includes(n))),
      0,
    ),
  );
  return unowned + Math.min(...surpluses);
}

/** What is wrong with `after` as the next table; empty when nothing is. */
function violations(before: OwnerTable | undefined, after: OwnerTable, members: readonly Member[]): string[] {
  const sum = members.reduce((total, { weight }) => total + weight, 0);
  const found: string[] = [];
  if (after.owners.some((owner) => !members.some(({ id }) => id === owner)))
    found.push('a slot belongs to somebody who left');
  if (members.some((member) => Math.abs(held(after, member) - (SLOTS * member.weight) / sum) >= 1))
    found.push('not the exact share');
  const moved = movedSlots(before, after);
  if (moved > fewestMoves(before, members)) found.push('more moves than needed');
  return found;
}

function violationsOfHistory(make: MakeTable, history: readonly (readonly Member[])[]): string[] {
  let table: OwnerTable | undefined;
  return history.flatMap((members) => {
    const next = make(table, 'login', members);
    const found = violations(table, next, members);
    table = next;
    return found;
  });
}

const ids = fc.nat(20).map((n) => `login-${n}`);
const weighted = fc.uniqueArray(fc.record({ id: ids, weight: fc.integer({ min: 1, max: 100 }) }), {
  selector: ({ id }) => id,
  minLength: 1,
  maxLength: 9,
});
const equal = fc.uniqueArray(ids, { minLength: 1, maxLength: 9 }).map(alike);

for (const [kind, members] of Object.entries({ equal, different: weighted })) {
  test(`with ${kind} weights every share is exact after any history, by the fewest moves`, () => {
    fc.assert(
      fc.property(fc.array(members, { minLength: 2, maxLength: 10 }), (history) => {
        assert.deepEqual(violationsOfHistory(steadyTable, history), []);
      }),
      { numRuns: 40 },
    );
  });
}

/** Slots that have another owner than the one before. */
function stretches({ slots }: OwnerTable): number {
  return slots.filter((owner, slot) => owner !== slots[slot - 1]).length;
}

test('each member has one stretch of the first table, and who comes gets one of each at most', () => {
  const before = steadyTable(undefined, 'login', alike(names(5)));
  assert.equal(stretches(before), 5);
  assert.ok(stretches(steadyTable(before, 'login', alike(names(6)))) <= 5 + 5);
});

test('the table stays in few stretches however often instances come and go', () => {
  const counts = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 30, maxLength: 30 });
  fc.assert(
    fc.property(counts, fc.boolean(), (history, isReplaced) => {
      let table: OwnerTable | undefined;
      history.forEach((count, n) => {
        // A release replaces all of them, one after the other.
        const ids = names(10).map((id, index) => (isReplaced && index < n % 10 ? `${id}-new` : id));
        table = steadyTable(table, 'login', alike(ids.slice(0, count)));
      });
      assert.ok(table !== undefined && stretches(table) < 600, `${table && stretches(table)} stretches`);
    }),
    { numRuns: 15, seed: 5, endOnFailure: true },
  );
});

test('with more instances than slots for their weights, the least get none and every slot is owned', () => {
  const members = names(2_000).map((id, n) => ({ id, weight: n === 0 ? 1 : 100 }));
  const table = steadyTable(undefined, 'login', members);
  assert.equal(held(table, { id: 'login-1', weight: 1 }), 0);
  assert.equal(table.slots.includes(NOBODY), false);
  assert.equal(steadyTable(table, 'login', members), table);
});

test('the checker catches a table that is built anew each time, and one that is left uneven', () => {
  const anew: MakeTable = (previous, service, members) => {
    const owners = members.map(({ id }) => id).toSorted();
    const slots = Uint16Array.from({ length: SLOTS }, (_, slot) => slot % owners.length);
    return { service, epoch: (previous?.epoch ?? 0) + 1, owners, slots };
  };
  const lazy: MakeTable = (previous, service, members) => {
    const owners = members.map(({ id }) => id).toSorted();
    const slots = Uint16Array.from({ length: SLOTS }, (_, slot) => {
      const owner = previous?.owners[previous.slots[slot] ?? NOBODY] ?? '';
      return Math.max(0, owners.indexOf(owner));
    });
    return { service, epoch: (previous?.epoch ?? 0) + 1, owners, slots };
  };
  const forgetful: MakeTable = (previous, service, members) =>
    previous === undefined ? steadyTable(previous, service, members) : previous;
  const history = [names(3), names(4), names(2)].map(alike);
  assert.deepEqual(new Set(violationsOfHistory(anew, history)), new Set(['more moves than needed']));
  assert.ok(violationsOfHistory(lazy, history).includes('not the exact share'));
  assert.ok(violationsOfHistory(forgetful, history).includes('a slot belongs to somebody who left'));
});
