import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isConcerned } from './concern.ts';

const effect = [{ table: 'members', action: 'update', key: {}, cells: {} }] as const;
const table = (name: string, expected: string): { object: string; expected: string; found: string } => ({
  object: `table ${name}`,
  expected,
  found: '',
});

test('a write is concerned by its tables, by what refers to them, and by their triggers', () => {
  assert.equal(isConcerned(effect, [table('members', '')]), true);
  assert.equal(isConcerned(effect, [table('offers', '')]), false);
  assert.equal(isConcerned(effect, [table('offers', 'FOREIGN KEY (`m`) REFERENCES `members` (`id`)')]), true);
  assert.equal(isConcerned(effect, [{ object: 'trigger t', expected: 'EVENT_OBJECT_TABLE: members' }]), true);
});

test('a routine or view that is changed may concern every write, a new one none', () => {
  assert.equal(isConcerned(effect, [{ object: 'function f', expected: 'a', found: 'b' }]), true);
  assert.equal(isConcerned(effect, [{ object: 'view v', expected: 'a' }]), false);
});

test('a write that was seen to change nothing may be concerned by every table', () => {
  assert.equal(isConcerned([], [table('offers', '')]), true);
  assert.equal(isConcerned([], []), false);
});
