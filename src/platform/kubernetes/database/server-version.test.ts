import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../../app/failure.ts';
import { claimData, compareSeries, parseVersion } from './server-version.ts';

test('a version is found in what MariaDB says, and a series is compared as numbers', () => {
  assert.equal(parseVersion('10.11.19-MariaDB-0+deb12u1'), '10.11.19');
  assert.equal(parseVersion('what'), undefined);
  assert.ok(compareSeries('10.11.2', '10.6.20') > 0);
  assert.ok(compareSeries('10.11.2', '11.4.1') < 0);
  assert.equal(compareSeries('10.11.2', '10.11.19'), 0);
});

test('a newer series keeps an older one out, whoever noted it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-version-'));
  const keepsOut = (error: unknown): boolean => error instanceof UserError && /11\.4/.test(error.message);
  try {
    await mkdir(join(folder, 'data'));
    await claimData(folder, '10.11.19');
    await claimData(folder, '10.11.2');
    await claimData(folder, '11.4.3');
    await assert.rejects(claimData(folder, '10.11.19'), keepsOut);
    await rm(join(folder, 'mariadb-version'));
    await claimData(folder, '10.11.19');
    await writeFile(join(folder, 'data', 'mariadb_upgrade_info'), '11.4.3-MariaDB');
    await assert.rejects(claimData(folder, '10.11.19'), keepsOut);
  } finally {
    await rm(folder, { recursive: true });
  }
});
