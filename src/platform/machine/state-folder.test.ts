import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../app/failure.ts';
import { openStateFolder, stateFolder } from './state-folder.ts';

const home = { temp: '/tmp', uid: 1000 };

test('sockets lie in the state folder where their path fits, otherwise in a short private one', () => {
  assert.equal(stateFolder('/home/ann/shop', home).sockets, '/home/ann/shop/.holdfast/run');
  const long = stateFolder(`/home/ann/${'deep/'.repeat(20)}shop`, home).sockets;
  assert.match(long, /^\/tmp\/holdfast-1000-[0-9a-f]{16}$/);
  assert.notEqual(long, stateFolder(`/home/ann/${'deep/'.repeat(20)}other`, home).sockets);
});

test('a state folder is private, is ignored by git, and is not touched when another version wrote it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const state = stateFolder(folder);
  await openStateFolder(state);
  assert.equal((await stat(state.root)).mode & 0o777, 0o700);
  assert.equal(await readFile(join(state.root, '.gitignore'), 'utf8'), '*\n');
  await openStateFolder(state);
  for (const foreign of ['{"version": 99}', 'not json', '[]']) {
    await writeFile(join(state.root, 'version.json'), foreign);
    await assert.rejects(openStateFolder(state), UserError);
    assert.equal(await readFile(join(state.root, 'version.json'), 'utf8'), foreign);
  }
});
