import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainKey } from './explain.ts';
import { slotOf } from './owner-table.ts';
import { steadyTable } from './steady.ts';

const table = steadyTable(undefined, 'login', ['login-1']);

test('a user without a pin is where the table says', () => {
  assert.deepEqual(explainKey(table, 'alice'), {
    key: 'alice',
    slot: slotOf('alice'),
    epoch: 1,
    owner: 'login-1',
    servedBy: 'login-1',
    pinned: false,
    reason: `slot ${slotOf('alice')} belongs to login-1 at epoch 1`,
  });
});

test('a pin elsewhere wins over the table', () => {
  const explanation = explainKey(table, 'alice', 'login-2');
  assert.equal(explanation.owner, 'login-1');
  assert.equal(explanation.servedBy, 'login-2');
  assert.equal(explanation.pinned, true);
  assert.match(explanation.reason, /session at login-2 and stays there/);
});

test('a pin at the owner is told as one', () => {
  assert.match(explainKey(table, 'alice', 'login-1').reason, /belongs to login-1 .* has a session there/);
});

test('a slot of nobody means 503', () => {
  const empty = steadyTable(table, 'login', []);
  const explanation = explainKey(empty, 'alice');
  assert.equal(explanation.owner, undefined);
  assert.equal(explanation.servedBy, undefined);
  assert.match(explanation.reason, /belongs to nobody at epoch 2: requests get 503/);
});
