import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { UserError } from '../app/failure.ts';
import { createSessions } from './sessions.ts';
import { settingsFrom } from './settings.ts';

function tokenFile(t: TestContext, token: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-settings-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'token'), token);
  return join(folder, 'token');
}

test('without a port the instance is alone', () => {
  const key = { kind: 'header', name: 'x-user' };
  assert.deepEqual(settingsFrom({}), { key, idleMs: 900_000, drainMs: 600_000 });
});

test('everything comes from the environment', (t) => {
  const env = {
    HOLDFAST_SESSION_PORT: '7071',
    HOLDFAST_SESSION_TOKEN_FILE: tokenFile(t, 'sixteen characters\n'),
    HOLDFAST_SESSION_KEY: 'cookie:sid',
    HOLDFAST_SESSION_IDLE: '1000',
    HOLDFAST_SESSION_DRAIN: '0',
    INSTANCE: 'login-1',
    HOST: '127.0.0.1',
  };
  const participation = { port: 7071, host: '127.0.0.1', token: 'sixteen characters', instance: 'login-1' };
  assert.deepEqual(settingsFrom(env), {
    key: { kind: 'cookie', name: 'sid', assign: false },
    idleMs: 1000,
    drainMs: 0,
    participation,
  });
});

test('what makes no sense is said, and a token never', (t) => {
  const good = {
    HOLDFAST_SESSION_PORT: '1',
    HOLDFAST_SESSION_TOKEN_FILE: tokenFile(t, 'x'.repeat(16)),
    INSTANCE: 'a',
  };
  const short = tokenFile(t, 'short-secret');
  for (const wrong of [
    { HOLDFAST_SESSION_PORT: '70000' },
    { HOLDFAST_SESSION_PORT: 'http' },
    { HOLDFAST_SESSION_TOKEN_FILE: '/nowhere/token' },
    { HOLDFAST_SESSION_TOKEN_FILE: short },
    { HOLDFAST_SESSION_IDLE: '15m' },
    { HOLDFAST_SESSION_KEY: 'user' },
    { INSTANCE: '' },
  ]) {
    const isTold = (error: unknown): boolean =>
      error instanceof UserError && !error.message.includes('short-secret');
    assert.throws(() => settingsFrom({ ...good, ...wrong }), isTold, JSON.stringify(wrong));
  }
});

test('a format that cannot be upgraded is refused at the start', () => {
  for (const formatVersion of [0, 1.5, 2]) {
    assert.throws(() => createSessions({ formatVersion }, settingsFrom({})), UserError);
  }
});
