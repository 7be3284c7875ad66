import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../../app/failure.ts';
import { migrationFilesMap, readMigrationFiles, unreferenced } from './migration-files.ts';

const shop = { namespace: 'shop', name: 'shop' };

async function read(files: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-migration-files-'));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return await readMigrationFiles(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const table = 'CREATE TABLE a (id INT);\n';

test('the files are taken as they are, and nothing beside them', async () => {
  assert.deepEqual(await read({ 'V1__a.sql': table, 'README.md': 'x' }), { 'V1__a.sql': table });
});

test('what can not be applied is refused before anything is sent', async () => {
  await assert.rejects(read({ 'V1__a.sql': 'CREATE TABLE "' }), UserError);
});

test('a name that a ConfigMap can not have is refused', async () => {
  await assert.rejects(read({ 'V1__a b.sql': table }), /V1__a b\.sql .*letters, digits/s);
});

test('too much for a ConfigMap needs an image', async () => {
  const long = `INSERT INTO a VALUES ('${'x'.repeat(900_000)}');\n`;
  await assert.rejects(read({ 'V1__a.sql': table, 'V2__b.sql': long }), /need an image/);
});

test('the same content has the same name, in whatever order it was read', () => {
  const name = (data: Record<string, string>): string => migrationFilesMap(shop, data).metadata.name;
  assert.equal(name({ a: '1', b: '2' }), name({ b: '2', a: '1' }));
  assert.notEqual(name({ a: '1', b: '2' }), name({ a: '1', b: '3' }));
  assert.match(name({ a: '1' }), /^shop-migrations-[0-9a-f]{16}$/);
});

test('files that nothing refers to can go', () => {
  assert.deepEqual(unreferenced(['m-1', 'm-2', 'm-3'], ['{"configMap":"m-1"}', '["m-3"]']), ['m-2']);
});
