import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { UserError } from '../app/failure.ts';
import { slotOf as routersSlotOf, SLOTS as routersSlots } from '../routing/owner-table.ts';
import { parseKeySource, requestKey } from './request-key.ts';
import { slotOf, SLOTS } from './slot.ts';

function request(headers: Record<string, string>, url = '/'): IncomingMessage {
  return { rawHeaders: Object.entries(headers).flat(), url } as unknown as IncomingMessage;
}

/** A text as Node gives the bytes of a header. */
function asHeader(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

test('a user is found where the file says', () => {
  const found = (source: string, from: IncomingMessage): unknown => requestKey(parseKeySource(source), from);
  const ann = { key: 'ann', slot: slotOf('ann') };
  assert.deepEqual(found('header:X-User', request({ 'x-user': 'ann' })), ann);
  assert.deepEqual(found('cookie:sid', request({ cookie: 'a=b; sid=ann; csid=other' })), ann);
  assert.deepEqual(found('query:user', request({}, '/list?a=1&user=%61nn')), ann);
  assert.deepEqual(found('path:2', request({}, '/users/ann?x=/y/z')), ann);
});

test('a request without a user has none', () => {
  const none = request({ 'x-user': '', cookie: 'csid=1' }, '/?users=1');
  for (const source of ['header:x-user', 'header:x-other', 'cookie:sid', 'query:user', 'path:2']) {
    assert.equal(requestKey(parseKeySource(source), none), undefined, source);
  }
});

test('the slot is that of the bytes, the key is the text', () => {
  const key = 'Zoë 🐟';
  const found = requestKey(parseKeySource('header:x-user'), request({ 'x-user': asHeader(key) }));
  assert.deepEqual(found, { key, slot: slotOf(key) });
});

test('bytes that are not UTF-8 are no name of a user', () => {
  assert.equal(requestKey(parseKeySource('header:x-user'), request({ 'x-user': '\xe9' })), 'invalid');
});

test('router and instance find the same slot', () => {
  assert.equal(SLOTS, routersSlots);
  for (const key of ['', 'ann', 'x'.repeat(8192), 'Zoë 🐟']) assert.equal(slotOf(key), routersSlotOf(key));
});

test('another way to name the key is refused', () => {
  for (const text of ['', 'x-user', 'header:', 'body:user', 'path:0', 'path:x']) {
    assert.throws(() => parseKeySource(text), UserError, text);
  }
});
