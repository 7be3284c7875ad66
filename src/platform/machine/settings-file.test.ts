import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { App } from '../../app/model.ts';
import { fileSettings } from './settings-file.ts';
import type { StateFolder } from './state-folder.ts';

const inForce = { name: 'shop' } as App;
const kept = { scale: { login: 3 }, restarts: { login: 1 } };

test('what is saved is loaded; an application described in another shape is left out', async () => {
  await using resources = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-settings-'));
  resources.defer(() => rm(folder, { recursive: true }));
  const settings = join(folder, 'settings.json');
  const store = fileSettings({ settings } as StateFolder);
  assert.deepEqual(await store.load(), { scale: {}, restarts: {} });
  await store.save({ ...kept, inForce });
  assert.deepEqual(await store.load(), { ...kept, inForce });
  await writeFile(settings, JSON.stringify({ ...kept, inForce }));
  assert.deepEqual(await store.load(), kept);
});
