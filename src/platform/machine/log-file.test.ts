import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { boundLog, olderLog, openLog } from './log-file.ts';

test('a log that is full moves its end into the older file, and its process writes on from the start', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'login-1.log');
  const log = await openLog(path);
  t.after(() => log.close());
  await log.write(`${'a'.repeat(500)}${'b'.repeat(1_000)}`);
  await boundLog(path, 1_000);
  assert.equal(await readFile(olderLog(path), 'utf8'), 'b'.repeat(1_000));
  await log.write('next');
  assert.equal(await readFile(path, 'utf8'), 'next');
  assert.equal((await stat(olderLog(path))).mode & 0o777, 0o600);
});

test('a log within its bound, or none at all, is left alone', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'login-1.log');
  await boundLog(path, 10);
  await writeFile(path, '0123456789');
  await boundLog(path, 10);
  assert.equal(await readFile(path, 'utf8'), '0123456789');
});
