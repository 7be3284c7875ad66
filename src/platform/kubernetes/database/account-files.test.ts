import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../../app/failure.ts';
import { accountsDigest, parseAccounts, readAccountFiles } from './account-files.ts';

const files = { holdfast: 'a', 'holdfast-migrator': 'm', 'holdfast-service-login': 'l' };

test('a file is an account, and other files are left alone', () => {
  assert.deepEqual(parseAccounts('shop', { ...files, 'README.md': 'x', root: 'y' }), {
    database: 'shop',
    admin: { user: 'holdfast', password: 'a' },
    migrator: { user: 'holdfast-migrator', password: 'm' },
    services: [{ user: 'holdfast-service-login', password: 'l' }],
  });
});

test('an account that is missing or has no password is named', () => {
  const { holdfast: _, ...rest } = files;
  assert.throws(
    () => parseAccounts('shop', rest),
    (error) => error instanceof UserError && /holdfast/.test(error.message),
  );
  assert.throws(() => parseAccounts('shop', { ...files, 'holdfast-service-login': '' }), /service-login/);
});

test('the digest differs when a name or a password does, and only then', () => {
  const digest = accountsDigest(files);
  assert.equal(accountsDigest({ ...files, other: 'x' }), digest);
  assert.equal(accountsDigest(Object.fromEntries(Object.entries(files).toReversed())), digest);
  const others = [
    { ...files, holdfast: 'b' },
    { ...files, 'holdfast-service-login': 'm' },
    { ...files, 'holdfast-service-a': 'l' },
  ];
  for (const other of others) assert.notEqual(accountsDigest(other), digest);
});

test('a mounted Secret is read behind its link, before and after it is exchanged', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-accounts-'));
  const version = async (name: string, password: string): Promise<void> => {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'holdfast'), password);
    await symlink(name, join(folder, '..next'));
    await rename(join(folder, '..next'), join(folder, '..data'));
  };
  try {
    await version('..2026_1', 'one\n');
    await symlink('..data/holdfast', join(folder, 'holdfast'));
    assert.deepEqual(await readAccountFiles(folder), { holdfast: 'one\n' });
    await version('..2026_2', 'two');
    assert.deepEqual(await readAccountFiles(folder), { holdfast: 'two' });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a plain folder is read as well', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-accounts-'));
  try {
    await writeFile(join(folder, 'holdfast-migrator'), 'm');
    await writeFile(join(folder, 'notes'), 'n');
    assert.deepEqual(await readAccountFiles(folder), { 'holdfast-migrator': 'm' });
  } finally {
    await rm(folder, { recursive: true });
  }
});
