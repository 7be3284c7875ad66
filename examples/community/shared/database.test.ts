import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDatabase, isUnavailable, openPool } from './database.ts';

test('a database that refuses connections is unavailable, and the pool survives it', async (t) => {
  const pool = openPool('mysql://nobody:nothing@127.0.0.1:1/none');
  t.after(() => pool.end());
  for (const attempt of [1, 2]) {
    await assert.rejects(checkDatabase(pool), (error) => isUnavailable(error), `attempt ${attempt}`);
  }
});

test('a mistake in a statement is not unavailability, a server that is shutting down is', () => {
  const withCode = (code: string): Error => Object.assign(new Error(code), { code });
  assert.equal(isUnavailable(withCode('ER_PARSE_ERROR')), false);
  assert.equal(isUnavailable(withCode('ER_DUP_ENTRY')), false);
  assert.equal(isUnavailable(withCode('ER_SERVER_SHUTDOWN')), true);
  assert.equal(isUnavailable('a text'), false);
});
