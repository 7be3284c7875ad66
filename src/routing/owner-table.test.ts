import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { OperationError } from '../app/failure.ts';
import { decodeTable, encodeTable, movedSlots, NOBODY, ownerOf, slotOf, SLOTS } from './owner-table.ts';
import type { OwnerTable } from './owner-table.ts';
import { alike } from './tables/member.ts';
import { steadyTable } from './tables/steady.ts';

const nobody: OwnerTable = {
  service: 'login',
  epoch: 1,
  owners: [],
  slots: new Uint16Array(SLOTS).fill(NOBODY),
};

test('the owner of a key is the owner of its slot', () => {
  const slots = new Uint16Array(SLOTS).fill(NOBODY);
  slots[slotOf('alice')] = 1;
  const table: OwnerTable = { service: 'login', epoch: 4, owners: ['login-1', 'login-2'], slots };
  assert.equal(ownerOf(table, 'alice'), 'login-2');
  assert.equal(ownerOf(table, 'bob'), undefined);
});

test('a table survives JSON', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(99), { maxLength: 12 }), (numbers) => {
      const table = steadyTable(undefined, 'login', alike(numbers.map((n) => `login-${n}`)));
      assert.deepEqual(decodeTable(JSON.parse(JSON.stringify(encodeTable(table)))), table);
    }),
    { numRuns: 20 },
  );
});

test('a damaged table is refused with what is wrong', () => {
  const good = encodeTable(steadyTable(undefined, 'login', alike(['login-1', 'login-2'])));
  const damaged: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /expected object/],
    [{ ...good, epoch: 0 }, /epoch/],
    [{ ...good, epoch: '3' }, /epoch/],
    [{ ...good, slots: 'AAAA' }, /3 bytes of slots/],
    [{ ...good, slots: good.slots.slice(4) }, /bytes of slots/],
    [{ ...good, slots: '%%%' }, /slots/],
    [{ ...good, owners: ['login-1'] }, /slot \d+ belongs to an owner that is not listed/],
    [{ ...good, owners: ['login-1', 'login-1'] }, /listed twice/],
    [{ ...good, more: 1 }, /more/],
  ];
  for (const [value, message] of damaged) {
    assert.throws(
      () => decodeTable(value),
      (error) => {
        assert.ok(error instanceof OperationError);
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test('moved slots are counted by owner, not by the number an owner has in a table', () => {
  const table = steadyTable(undefined, 'login', alike(['a', 'b']));
  const renumbered: OwnerTable = {
    ...table,
    owners: ['b', 'a'],
    slots: table.slots.map((owner) => 1 - owner),
  };
  assert.equal(movedSlots(table, renumbered), 0);
  assert.equal(movedSlots(undefined, table), SLOTS);
  assert.equal(movedSlots(table, nobody), SLOTS);
  assert.equal(movedSlots(undefined, nobody), 0);
});
