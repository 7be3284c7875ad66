import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { signToken, verifyBearer, verifyToken, type Claims } from './token.ts';

const KEY = 'a key of thirty-two characters !!';
const CLAIMS: Claims = { email: 'alice@example.org', session: 's-1', expires: 1_000 };

test('a signed token gives its claims back', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.nat(), (email, session, expires) => {
      const claims = { email, session, expires };
      assert.deepEqual(verifyToken(signToken(claims, KEY), KEY, expires - 1), claims);
    }),
  );
});

test('a token is refused from the millisecond in which it expires', () => {
  const token = signToken(CLAIMS, KEY);
  assert.deepEqual(verifyToken(token, KEY, 999), CLAIMS);
  assert.equal(verifyToken(token, KEY, 1_000), undefined);
});

test('a token signed with another key is refused', () => {
  assert.equal(verifyToken(signToken(CLAIMS, `${KEY}x`), KEY, 0), undefined);
});

test('a token is refused when any one character of it has been changed', () => {
  const token = signToken(CLAIMS, KEY);
  // The last character of a 32-byte base64url carries two unused bits, so other spellings of the same bytes exist.
  for (let at = 0; at < token.length - 1; at++) {
    const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    assert.equal(verifyToken(changed, KEY, 0), undefined, `character ${at}`);
  }
});

test('what is not a token at all is refused', () => {
  for (const text of ['', '.', 'a', 'a.', '.a', 'a.b.c', signToken(CLAIMS, KEY) + '.', 'ä.ö']) {
    assert.equal(verifyToken(text, KEY, 0), undefined, JSON.stringify(text));
  }
});

test('the signature is the plain HMAC-SHA256 of the payload', () => {
  const [payload = '', signature = ''] = signToken(CLAIMS, KEY).split('.');
  assert.equal(signature, createHmac('sha256', KEY).update(payload).digest('base64url'));
});

test('a bearer header is read whatever the case of its scheme, and other schemes are refused', () => {
  const token = signToken(CLAIMS, KEY);
  assert.deepEqual(verifyBearer(`Bearer ${token}`, KEY, 0), CLAIMS);
  assert.deepEqual(verifyBearer(`bearer ${token}`, KEY, 0), CLAIMS);
  for (const header of [undefined, '', token, `Basic ${token}`, `Bearer  ${token}`, 'Bearer ']) {
    assert.equal(verifyBearer(header, KEY, 0), undefined, String(header));
  }
});
