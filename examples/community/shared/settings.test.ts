import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings } from './settings.ts';

const ENV = {
  PORT: '3000',
  HOST: '127.0.0.1',
  INSTANCE: 'login-1',
  DATABASE_URL: 'mysql://u:hush@127.0.0.1:3306/community',
  TOKEN_KEY: '0123456789abcdef0123456789abcdef',
};

test('a complete environment is read', () => {
  assert.deepEqual(readSettings(ENV), {
    port: 3000,
    host: '127.0.0.1',
    instance: 'login-1',
    databaseUrl: ENV.DATABASE_URL,
    tokenKey: ENV.TOKEN_KEY,
  });
});

test('all missing variables are named at once', () => {
  assert.throws(() => readSettings({}), /PORT.*DATABASE_URL.*TOKEN_KEY/);
});

test('an error shows no value of a secret', () => {
  assert.throws(
    () => readSettings({ ...ENV, DATABASE_URL: 'u:hush@', PORT: '3000', TOKEN_KEY: 'hush' }),
    (error: Error) => !error.message.includes('hush'),
  );
});
