import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadClusterFile } from './cluster-file.ts';

async function load(text: string): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-cluster-file-'));
  try {
    await writeFile(join(folder, 'holdfast.yaml'), text);
    return await loadClusterFile(undefined, folder).catch((error: Error) => error.message);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('what only a machine has is refused with its line', async () => {
  const text = `name: shop
services:
  web:
    run: node web.ts
    env:
      KEY: { from: KEY }
      OTHER: { value: x }
database: { topology: external, url: { file: url.txt } }
`;
  assert.equal(
    await load(text),
    [
      'holdfast.yaml:3:3  services.web: image: missing; on a cluster instances are started from an image',
      'holdfast.yaml:6:7  services.web.env.KEY: `from` is for a machine; on a cluster put the value into a Secret and write { secret: NAME, key: KEY }',
      'holdfast.yaml:8:33  database.url: `file` is for a machine; on a cluster put the value into a Secret and write { secret: NAME, key: KEY }',
    ].join('\n'),
  );
});

test('the spec is what the user wrote', async () => {
  const found = (await load('name: shop\nservices: { web: { image: "web:1", stop: 5s } }\n')) as {
    spec: unknown;
  };
  assert.deepEqual(found.spec, { name: 'shop', services: { web: { image: 'web:1', stop: '5s' } } });
});
