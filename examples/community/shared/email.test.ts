import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normaliseEmail } from './email.ts';

test('case and surrounding space do not make another member', () => {
  assert.equal(normaliseEmail(' Alice@Example.ORG\n'), 'alice@example.org');
});

test('what is not an address of printable ASCII is refused', () => {
  const long = `${'a'.repeat(243)}@example.org`;
  for (const text of [
    undefined,
    7,
    '',
    'alice',
    '@',
    'a@',
    '@b',
    'a@b@c',
    'a b@c',
    'ä@b.org',
    'a@b\r\nx: y',
    long,
  ]) {
    assert.equal(normaliseEmail(text), undefined, String(text));
  }
});
