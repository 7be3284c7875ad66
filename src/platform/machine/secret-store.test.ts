import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { generatedSecret } from './secret-store.ts';
import { stateFolder, type StateFolder } from './state-folder.ts';

let folder = '';
let state: StateFolder;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
  state = stateFolder(folder);
});
afterEach(() => rm(folder, { recursive: true }));

test('a generated value has the bytes asked for and stays the same', async () => {
  const made = await generatedSecret(state, 'login/TOKEN_KEY', 32);
  assert.equal(Buffer.from(made, 'base64url').length, 32);
  assert.equal(await generatedSecret(state, 'login/TOKEN_KEY', 32), made);
});

test('callers that ask at the same moment get one and the same value, and leave nothing else behind', async () => {
  for (let round = 0; round < 20; round += 1) {
    const ask = (): Promise<string> => generatedSecret(state, `login/KEY_${round}`, 32);
    const values = new Set(await Promise.all(Array.from({ length: 8 }, ask)));
    values.add(await ask());
    assert.equal(values.size, 1);
  }
  assert.equal((await readdir(join(state.generated, 'login'))).length, 20);
});

test('a generated value can be read by its owner only', async () => {
  await generatedSecret(state, 'login/TOKEN_KEY', 32);
  assert.equal((await stat(join(state.generated, 'login/TOKEN_KEY'))).mode & 0o777, 0o600);
});
