import assert from 'node:assert/strict';
import { test } from 'node:test';
import { membersOf } from './schema-words.ts';

test('the members of ENUM and SET are read as the server writes them', () => {
  assert.deepEqual(membersOf(String.raw`enum('Open','it''s, done','a\b','')`), [
    'Open',
    "it's, done",
    String.raw`a\b`,
    '',
  ]);
});
