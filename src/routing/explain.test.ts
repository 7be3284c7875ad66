import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseApp } from '../app/parse.ts';
import { explainKey, statefulServiceOf } from './explain.ts';
import { slotOf } from './owner-table.ts';
import { alike } from './tables/member.ts';
import { steadyTable } from './tables/steady.ts';

const table = steadyTable(undefined, 'login', alike(['login-1']));

test('a user without a pin is where the table says', () => {
  assert.deepEqual(explainKey(table, 'alice'), {
    key: 'alice',
    slot: slotOf('alice'),
    epoch: 1,
    owner: 'login-1',
    servedBy: 'login-1',
    pinned: false,
    reason: `slot ${slotOf('alice')} belongs to login-1 at epoch 1`,
    moves: [],
  });
});

test('a pin elsewhere wins over the table', () => {
  const explanation = explainKey(table, 'alice', { pin: 'login-2' });
  assert.equal(explanation.owner, 'login-1');
  assert.equal(explanation.servedBy, 'login-2');
  assert.equal(explanation.pinned, true);
  assert.match(explanation.reason, /session at login-2 and stays there/);
});

test('a pin at the owner is told as one', () => {
  assert.match(
    explainKey(table, 'alice', { pin: 'login-1' }).reason,
    /belongs to login-1 .* has a session there/,
  );
});

test('a slot of nobody means 503', () => {
  const empty = steadyTable(table, 'login', alike([]));
  const explanation = explainKey(empty, 'alice');
  assert.equal(explanation.owner, undefined);
  assert.equal(explanation.servedBy, undefined);
  assert.match(explanation.reason, /belongs to nobody at epoch 2: requests get 503/);
});

test('a question about a user is about the only service with sessions, or about the one that is named', () => {
  const app = parseApp(
    'name: shop\nservices:\n  a: { run: x, stateful: { key: { header: u } } }\n  b: { run: x, stateful: { key: { header: u } } }\n  c: { run: x }\nroutes: { /: c }\n',
    'holdfast.yaml',
  );
  const one = { ...app, services: app.services.filter(({ name }) => name !== 'b') };
  const none = { ...app, services: app.services.filter(({ name }) => name === 'c') };
  assert.equal(statefulServiceOf(one, undefined), 'a');
  assert.equal(statefulServiceOf(app, 'b'), 'b');
  assert.throws(() => statefulServiceOf(app, undefined), /--service a \| b/);
  assert.throws(() => statefulServiceOf(app, 'c'), /--service a \| b/);
  assert.throws(() => statefulServiceOf(none, undefined), /no service of this application is stateful/);
});
