import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pool } from 'mysql2/promise';
import { checkDatabase, inTransaction, isUnavailable, openPool } from './database.ts';

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

/** Connections that take every statement; what has become of each is noted. */
function takingPool(ends: string[]): Pool {
  const connection = {
    query: () => Promise.resolve([[]]),
    release: () => ends.push('released'),
    destroy: () => ends.push('destroyed'),
  };
  return { getConnection: () => Promise.resolve(connection) } as unknown as Pool;
}

test('a transaction that ended in a deadlock is done anew on another connection, and not for ever', async () => {
  const deadlock = Object.assign(new Error('deadlock'), { code: 'ER_LOCK_DEADLOCK' });
  const ends: string[] = [];
  const outcomes = [Promise.reject(deadlock), Promise.resolve('done')];
  outcomes[0]?.catch(() => undefined);
  const result = await inTransaction(takingPool(ends), () => outcomes.shift() ?? Promise.resolve('again'));
  assert.deepEqual([result, ends], ['done', ['destroyed', 'released']]);
  let tries = 0;
  const always = (): Promise<never> => {
    tries++;
    throw deadlock;
  };
  await assert.rejects(inTransaction(takingPool([]), always), deadlock);
  assert.equal(tries, 3);
  const once = (): Promise<never> => Promise.reject(new Error('a mistake'));
  await assert.rejects(inTransaction(takingPool([]), once), /a mistake/);
});
