import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followingTable, draftOf, type CopiedTable } from './hand-over/copied-table.ts';
import { movedSlots, ownerOfSlot, SLOTS, slotCounts } from './owner-table.ts';
import { makeTable } from './tables/make-table.ts';
import { alike } from './tables/member.ts';
import { whatIf } from './what-if.ts';

const ids = ['login-1', 'login-2'];
const about = { slot: 7, pin: undefined, users: {}, slotsAtATime: 2_049 };

test('what would happen is what the table of that kind does', () => {
  for (const kind of ['steady', 'maglev', 'ring', 'rendezvous'] as const) {
    const table = makeTable(kind, undefined, 'login', alike(ids));
    const then = makeTable(kind, table, 'login', alike([...ids, 'login-3']));
    const found = whatIf(table, { ...about, changes: ['+1'] });
    assert.deepEqual(found.members, [...ids, 'login-3']);
    assert.equal(found.movedSlots, movedSlots(table, then));
    assert.equal(found.owner, ownerOfSlot(then, 7));
  }
});

test('several changes are asked about as one', () => {
  const table = makeTable('steady', undefined, 'login', alike(ids));
  const found = whatIf(table, { ...about, changes: ['-login-1', '+2'] });
  assert.deepEqual(found.members, ['login-2', 'login-1', 'login-3']);
  assert.equal(whatIf(table, { ...about, changes: ['-login-1', '-login-2'] }).owner, undefined);
});

test('who has a session stays; only those of an instance that goes are affected', () => {
  const table = makeTable('steady', undefined, 'login', alike(ids));
  const users = { 'login-1': 30, 'login-2': 12 };
  assert.equal(whatIf(table, { ...about, users, changes: ['+1'] }).users, 0);
  const gone = whatIf(table, { ...about, users, pin: 'login-2', changes: ['-login-2'] });
  assert.equal(gone.users, 12);
  assert.match(gone.words.join('\n'), /stays at login-2 until .* idle/);
  assert.match(gone.words.join('\n'), /12 users have a session at an instance that goes/);
  assert.equal(whatIf(table, { ...about, users: { 'login-1': 30 }, changes: ['+1'] }).users, undefined);
});

function copied(names: readonly string[]): CopiedTable {
  const members = names.map((id) => ({ id, incarnation: `${id}-x`, url: 'http://u', http: 'http://h' }));
  const draft = draftOf(undefined, members);
  draft.owners.forEach((_, slot) => {
    draft.owners[slot] = slot % members.length;
    draft.seconds[slot] = (slot + 1) % members.length;
  });
  return followingTable(undefined, draft, { service: 'login' });
}

test('where sessions are handed over, the fewest slots move and the sessions with them', () => {
  const table = copied(['login-1', 'login-2', 'login-3']);
  const users = { 'login-1': 100, 'login-2': 100, 'login-3': 100 };
  const more = whatIf(table, { ...about, users, changes: ['+1'] });
  assert.ok(Math.abs(more.movedSlots - SLOTS / 4) <= 1, `${more.movedSlots}`);
  assert.ok(more.users !== undefined && Math.abs(more.users - 75) <= 1, `${more.users}`);
  const fewer = whatIf(table, { ...about, users, changes: ['-login-2'] });
  assert.equal(fewer.movedSlots, slotCounts(table)[1]);
  assert.equal(fewer.users, 100);
  assert.match(fewer.words[0] ?? '', /^the user('s session is handed over to| stays at) login-[13]$/);
});

test('what cannot happen is refused in words', () => {
  const table = makeTable('steady', undefined, 'login', alike(ids));
  const asked = (change: string) => (): unknown => whatIf(table, { ...about, changes: [change] });
  assert.throws(asked('-login-9'), /the owners are login-1, login-2/);
  assert.throws(asked('login-3'), /say \+1 .* or -INSTANCE/);
  assert.throws(asked('+0'), /from 1 to 1000/);
});
