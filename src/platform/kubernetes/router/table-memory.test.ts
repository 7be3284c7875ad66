import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OwnerTable } from '../../../routing/owner-table.ts';
import { alike } from '../../../routing/tables/member.ts';
import { steadyTable } from '../../../routing/tables/steady.ts';
import { OWNERS_AWAITED, TableMemory } from './table-memory.ts';

/** Tables of one service, each made from the one before it, with these owners. */
function tables(...owners: string[]): Map<string, OwnerTable>[] {
  let last: OwnerTable | undefined;
  return owners.map((owner) => {
    last = steadyTable(last, 'login', alike([owner]));
    return new Map([['login', last]]);
  });
}
const NONE = new Map<string, OwnerTable>();
const at = (epoch: number) => ({ login: { epoch, servers: [] } });

test('a table is overdue when its owners have been waited for, and each newer one waits again', () => {
  const memory = new TableMemory();
  const [first = NONE, second = NONE] = tables('a', 'b');
  assert.equal(memory.recall(first, {}, 0).overdue.has('login'), false);
  assert.equal(memory.recall(first, {}, OWNERS_AWAITED).overdue.has('login'), true);
  assert.equal(memory.recall(second, {}, OWNERS_AWAITED + 1).overdue.has('login'), false);
});

test('the table in force is remembered until another one is, however many came in between', () => {
  const memory = new TableMemory();
  const [first = NONE, second = NONE, third = NONE] = tables('a', 'b', 'c');
  const inForce = (seen: Map<string, OwnerTable>, epoch: number): number | undefined =>
    memory.recall(seen, at(epoch), 0).inForce.get('login')?.epoch;
  assert.equal(inForce(first, 0), undefined, 'of one before it nothing is known');
  assert.deepEqual([inForce(first, 1), inForce(second, 1), inForce(third, 1)], [1, 1, 1]);
  assert.equal(inForce(third, 3), 3);
  assert.equal(inForce(third, 2), undefined, 'it was passed over');
  assert.equal(inForce(NONE, 3), undefined);
  assert.equal(inForce(third, 3), 3, 'a service that comes back is new');
});
