import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { called, loggedIn, loggedOut, type LogIn } from './log-ins.ts';

const logIn = (id: string, calls = 0): LogIn => ({ id, calls, since: 0 });

test('each device counts its own calls, and logs out by itself', () => {
  const both = loggedIn(loggedIn(undefined, logIn('laptop')), logIn('phone'));
  assert.deepEqual(called(called(both, 'phone'), 'phone'), [logIn('laptop'), logIn('phone', 2)]);
  assert.deepEqual(called(both, 'stranger'), both);
  assert.deepEqual(loggedOut(both, 'laptop'), [logIn('phone')]);
});

test('nothing is left when the last device has logged out', () => {
  assert.equal(loggedOut([logIn('laptop')], 'laptop'), undefined);
  assert.equal(called(undefined, 'laptop'), undefined);
});

test('a member has ten log-ins at most, and the newest are kept', () => {
  const ids = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 25 });
  fc.assert(
    fc.property(ids, (all) => {
      const kept = all.reduce<readonly LogIn[]>((logIns, id) => loggedIn(logIns, logIn(id)), []);
      assert.deepEqual(
        kept.map(({ id }) => id),
        all.slice(-10),
      );
    }),
  );
});
