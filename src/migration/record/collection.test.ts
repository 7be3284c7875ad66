import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usualEscapes } from '../lexer.ts';
import { Collection } from './collection.ts';
import { written } from './normalise.ts';

function collect(...sent: readonly (readonly [account: string, sql: string])[]): Collection {
  const bodies = ['BEGIN DELETE FROM t WHERE a = who; END'];
  const collection = new Collection({ words: new Map(), escapes: usualEscapes }, bodies);
  for (const [account, sql] of sent) collection.add({ account, sql });
  return collection;
}

function described(collection: Collection): unknown[] {
  return collection
    .statements()
    .map(({ pieces, parameters, accounts }) => [
      written(pieces, () => true),
      parameters.map((values) => values.map(({ type }) => type).join(' ')),
      accounts.join(' '),
    ]);
}

test('a statement is kept once, with who sends it and the kinds of its values', () => {
  const collection = collect(
    ['shop', 'SELECT b FROM t WHERE a = 5'],
    ['admin', 'SELECT b FROM t WHERE a = 6'],
    ['shop', "SELECT b FROM t WHERE a = 'x'"],
    ['shop', 'SELECT a FROM t'],
  );
  assert.deepEqual(described(collection), [
    ['SELECT a FROM t', [''], 'shop'],
    ['SELECT b FROM t WHERE a = ?', ['int', 'varchar'], 'admin shop'],
  ]);
});

test('values that were not seen are kept only when none were', () => {
  assert.deepEqual(described(collect(['shop', 'SELECT ?'], ['shop', "SELECT 'x'"])), [
    ['SELECT ?', ['varchar'], 'shop'],
  ]);
  assert.deepEqual(described(collect(['shop', 'SELECT ?'])), [['SELECT ?', ['unknown'], 'shop']]);
});

test("what neither reads nor writes rows, and the migrator's own, is left out and counted", () => {
  const collection = collect(
    ['shop', 'SET @a = 1'],
    ['shop', 'COMMIT'],
    ['shop', 'DELETE FROM t WHERE a = who'],
    ['shop', "SELECT 'O'Brien'"],
    ['shop', 'SELECT version FROM `app`.`holdfast_migration`'],
  );
  assert.deepEqual(described(collection), []);
  assert.deepEqual(collection.counts, { seen: 4, others: 3, unclear: 1, beyond: 0 });
});

test('however many different ones there are, what is kept is bounded', () => {
  const many = Array.from({ length: 2_100 }, (_, index) => ['shop', `SELECT a${index} FROM t`] as const);
  const collection = collect(...many);
  assert.equal(collection.statements().length, 2_000);
  assert.equal(collection.counts.beyond, 100);
});
