import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  describeRound,
  isDrained,
  readAnswer,
  readSlots,
  ROUNDS_WITHOUT_ROUTERS,
  unanswered,
  type RouterAnswer,
} from './drain-verdict.ts';

const round = (answers: Record<string, RouterAnswer | undefined>) => new Map(Object.entries(answers));
const found = (answers: Record<string, RouterAnswer | undefined>, slots: number | undefined = 0) => ({
  routers: round(answers),
  slots,
});
const yes = { closed: true, users: 0 };

test('an instance is drained when every router says closed and no users', () => {
  assert.equal(isDrained(found({ a: yes }), 0), true);
  assert.equal(isDrained(found({ a: yes, b: yes }), 0), true);
  assert.equal(isDrained(found({ a: yes, b: { closed: true, users: 1 } }), 0), false);
  assert.equal(isDrained(found({ a: { closed: false, users: 0 }, b: yes }), 0), false);
  assert.equal(isDrained(found({ a: yes, b: undefined }), 0), false);
});

test('no router at all has to be found several times', () => {
  assert.equal(isDrained(found({}), ROUNDS_WITHOUT_ROUTERS - 1), false);
  assert.equal(isDrained(found({}), ROUNDS_WITHOUT_ROUTERS), true);
});

test('an instance that hands sessions over is drained when it has none', () => {
  assert.equal(isDrained({ routers: round({ a: yes }), slots: 3 }, 0), false);
  assert.equal(isDrained({ routers: round({ a: yes }), slots: undefined }, 0), false);
  assert.equal(isDrained({ routers: round({}), slots: 3 }, ROUNDS_WITHOUT_ROUTERS), true);
});

test('what an instance says of its slots is read, and anything else is no answer', () => {
  assert.equal(readSlots('{"epoch":3,"owned":5,"second":2}'), 7);
  for (const text of ['', 'null', '{}', '{"owned":5}', '{"owned":"5","second":2}'])
    assert.equal(readSlots(text), undefined, text);
});

test('what is waited for is said', () => {
  const about = found({ '10.0.0.1': { closed: false, users: 2 }, '10.0.0.2': undefined, '10.0.0.3': yes });
  assert.equal(
    describeRound(about),
    'router 10.0.0.1: 2 users, and new ones may come; router 10.0.0.2 does not answer; router 10.0.0.3: 0 users',
  );
  assert.equal(
    describeRound(found({ '10.0.0.3': yes }, 5)),
    'router 10.0.0.3: 0 users; the instance has 5 slots',
  );
  assert.equal(describeRound(found({})), 'no router is to be found');
});

test('anything but a state is no answer', () => {
  assert.deepEqual(readAnswer('{"closed":true,"users":0}'), yes);
  for (const text of [
    '',
    'null',
    '7',
    '{}',
    '{"closed":"yes","users":0}',
    '{"closed":true}',
    '{"closed":true,"users":',
  ])
    assert.equal(readAnswer(text), undefined, text);
});

test('routers that have not answered are told', () => {
  const answers = new Map([
    ['a', true],
    ['b', undefined],
  ]);
  assert.deepEqual(unanswered(answers), ['b']);
});
