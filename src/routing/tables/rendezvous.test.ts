import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeTable, encodeTable, movedSlots, type OwnerTable } from '../owner-table.ts';
import type { Member } from './member.ts';
import { rendezvousTable } from './rendezvous.ts';

/** Who is there at each step of a history, by a choice of weights for six names; 0 is absent. */
const histories = fc.array(fc.array(fc.constantFrom(0, 1, 1, 3, 100), { minLength: 6, maxLength: 6 }), {
  minLength: 2,
  maxLength: 6,
});

function membersOf(weights: readonly number[]): Member[] {
  return weights.map((weight, n) => ({ id: `login-${n}`, weight })).filter(({ weight }) => weight > 0);
}

/** Whether `make`, given the table before, comes to the table that it makes from nothing, at every step. */
function agrees(make: typeof rendezvousTable, history: readonly (readonly number[])[]): void {
  let table: OwnerTable | undefined;
  for (const weights of history) {
    const members = membersOf(weights);
    table = make(table, 'login', members);
    assert.equal(movedSlots(table, rendezvousTable(undefined, 'login', members)), 0);
    table = decodeTable(encodeTable(table));
  }
}

test('a table made from the one in force is the one made from nothing, whoever came, went or weighs otherwise', () => {
  fc.assert(
    fc.property(histories, (history) => agrees(rendezvousTable, history)),
    { numRuns: 12, seed: 7, endOnFailure: true },
  );
});

test('a table of another kind, and one that names its owners in another order, lead to the same table', () => {
  const members = membersOf([1, 1, 1, 0, 1, 0]);
  const after = rendezvousTable(undefined, 'login', membersOf([1, 3, 0, 1, 1, 1]));
  const table = rendezvousTable(undefined, 'login', members);
  const { kind: _, ...unsaid } = table;
  const strange = { ...unsaid, slots: table.slots.map((owner) => 3 - owner) };
  const renumbered = { ...strange, kind: 'rendezvous' as const, owners: table.owners.toReversed() };
  for (const before of [strange, renumbered])
    assert.equal(movedSlots(rendezvousTable(before, 'login', membersOf([1, 3, 0, 1, 1, 1])), after), 0);
});

test('the comparison catches a table that follows from weights that were not remembered', () => {
  const forgetful: typeof rendezvousTable = (before, service, members) => {
    const { weights: _, ...table } = rendezvousTable(before, service, members);
    return table;
  };
  assert.throws(() =>
    agrees(forgetful, [
      [1, 1, 3],
      [1, 1, 1],
    ]),
  );
});
