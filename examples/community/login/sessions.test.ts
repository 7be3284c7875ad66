import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Sessions } from './sessions.ts';

const ALICE = 'alice@example.org';
const BOB = 'bob@example.org';

test('every use counts one call and keeps the beginning', () => {
  const sessions = new Sessions({ idle: 100, count: 10 });
  assert.equal(sessions.open('a', ALICE, 1_000)?.calls, 0);
  assert.equal(sessions.use('a', ALICE, 1_050)?.calls, 1);
  assert.deepEqual(sessions.use('a', ALICE, 1_060), {
    id: 'a',
    email: ALICE,
    calls: 2,
    since: 1_000,
    used: 1_060,
  });
});

test('a session is gone once it was idle for the limit, and use puts that off', () => {
  const sessions = new Sessions({ idle: 100, count: 10 });
  sessions.open('a', ALICE, 0);
  assert.equal(sessions.use('a', ALICE, 99)?.calls, 1);
  assert.equal(sessions.use('a', ALICE, 198)?.calls, 2);
  assert.equal(sessions.use('a', ALICE, 298), undefined);
});

test('a session is of no use to another member', () => {
  const sessions = new Sessions({ idle: 100, count: 10 });
  sessions.open('a', ALICE, 0);
  assert.equal(sessions.use('a', BOB, 1), undefined);
  assert.equal(sessions.end('a', BOB), false);
  assert.equal(sessions.use('a', ALICE, 1)?.calls, 1);
});

test('an ended session is gone', () => {
  const sessions = new Sessions({ idle: 100, count: 10 });
  sessions.open('a', ALICE, 0);
  assert.equal(sessions.end('a', ALICE), true);
  assert.equal(sessions.end('a', ALICE), false);
  assert.equal(sessions.use('a', ALICE, 1), undefined);
});

test('a full store refuses a new session rather than lose a living one, and takes it when one has idled', () => {
  const sessions = new Sessions({ idle: 100, count: 2 });
  sessions.open('a', ALICE, 0);
  sessions.open('b', BOB, 10);
  assert.equal(sessions.open('c', BOB, 20), undefined);
  assert.equal(sessions.use('a', ALICE, 30)?.calls, 1);
  assert.notEqual(sessions.open('c', BOB, 110), undefined);
  assert.equal(sessions.use('b', BOB, 111), undefined);
});

test('a session counts every use and is lost by nothing but idling, however the users come and go', () => {
  const visit = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), wait: fc.nat(60) });
  fc.assert(
    fc.property(fc.array(visit, { maxLength: 60 }), (visits) => {
      const sessions = new Sessions({ idle: 100, count: 4 });
      const expected = new Map<string, { calls: number; used: number }>();
      let now = 0;
      for (const { id, wait } of visits) {
        now += wait;
        const last = expected.get(id);
        const alive = last !== undefined && now - last.used < 100;
        assert.equal(sessions.use(id, ALICE, now)?.calls, alive ? last.calls + 1 : undefined);
        if (!alive) assert.equal(sessions.open(id, ALICE, now)?.calls, 0);
        expected.set(id, { calls: alive ? last.calls + 1 : 0, used: now });
      }
    }),
  );
});
