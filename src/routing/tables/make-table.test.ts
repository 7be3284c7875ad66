import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeTable, encodeTable, movedSlots } from '../owner-table.ts';
import { kindOf, makeTable } from './make-table.ts';
import { alike } from './member.ts';

const members = alike(['login-1', 'login-2', 'login-3']);

test('another kind of table has an epoch of its own, also where nobody moves', () => {
  const ring = makeTable('ring', undefined, 'login', members);
  const steady = makeTable('steady', ring, 'login', members);
  assert.deepEqual([kindOf(ring), ring.epoch, kindOf(steady), steady.epoch], ['ring', 1, 'steady', 2]);
  const alone = alike(['login-1']);
  const first = makeTable('maglev', undefined, 'login', alone);
  const second = makeTable('rendezvous', first, 'login', alone);
  assert.deepEqual([movedSlots(first, second), second.epoch, kindOf(second)], [0, 2, 'rendezvous']);
});

test('the same kind for the same members is the very same table', () => {
  for (const kind of ['steady', 'maglev', 'ring', 'rendezvous'] as const) {
    const table = makeTable(kind, undefined, 'login', members);
    assert.equal(makeTable(kind, table, 'login', members), table, kind);
  }
});

test('a stored table says of which kind it is; one that does not is steady', () => {
  const ring = makeTable('ring', undefined, 'login', members);
  assert.equal(kindOf(decodeTable(encodeTable(ring))), 'ring');
  const steady = encodeTable(makeTable('steady', undefined, 'login', members));
  assert.ok(!('kind' in steady));
  assert.equal(kindOf(decodeTable(steady)), 'steady');
});
