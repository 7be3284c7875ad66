import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from './failure.ts';
import { FileError } from './file-error.ts';
import { initFile } from './init.ts';
import { inspectFolder } from './inspect-folder.ts';
import { findAppFile, loadApp } from './load.ts';
import { parseApp } from './parse.ts';

const VALID = 'name: shop\nservices: { web: { run: node web.js } }\n';

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast app '));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function put(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

test('the nearest file upward is found', () =>
  inFolder(async (folder) => {
    await put(folder, { 'holdfast.yaml': VALID, 'a/b/c.txt': '', 'a/holdfast.yaml/d.txt': '' });
    assert.equal(await findAppFile(join(folder, 'a/b')), join(folder, 'holdfast.yaml'));
  }));

test('without a file the message tells how to get one', () =>
  inFolder(async (folder) => {
    await assert.rejects(
      findAppFile(folder),
      (error) => error instanceof UserError && /holdfast init/.test(error.message),
    );
    await assert.rejects(
      loadApp('.', folder),
      (error) => error instanceof UserError && /holdfast init/.test(error.message),
    );
    await assert.rejects(
      loadApp('gone', folder),
      (error) => error instanceof UserError && /gone \(ENOENT\)/.test(error.message),
    );
  }));

test('a file and its folder name the same application', () =>
  inFolder(async (folder) => {
    await put(folder, { 'a/holdfast.yaml': VALID, 'a/b/other.yaml': VALID });
    const byFolder = await loadApp('a', folder);
    assert.equal(byFolder.app.name, 'shop');
    assert.equal(byFolder.file, join(folder, 'a/holdfast.yaml'));
    assert.equal(byFolder.folder, join(folder, 'a'));
    assert.deepEqual(await loadApp('a/holdfast.yaml', folder), byFolder);
    assert.deepEqual(await loadApp(undefined, join(folder, 'a/b')), byFolder);
    assert.equal((await loadApp('a/b/other.yaml', folder)).folder, join(folder, 'a/b'));
  }));

test('problems name the file as seen from where the user stands', () =>
  inFolder(async (folder) => {
    await put(folder, { 'a/holdfast.yaml': 'name: shop\n', 'b/x': '' });
    const messageFrom = (cwd: string): Promise<string> =>
      loadApp(join(folder, 'a'), cwd).then(
        () => 'no error',
        (error: unknown) => (error instanceof FileError ? error.message : String(error)),
      );
    assert.match(await messageFrom(folder), /^a\/holdfast\.yaml:1:1 {2}services: missing/);
    assert.ok((await messageFrom(join(folder, 'b'))).startsWith(join(folder, 'a/holdfast.yaml:1:1')));
  }));

test('a file that is not text, or far too long, is refused', () =>
  inFolder(async (folder) => {
    await put(folder, { 'a.yaml': new Uint8Array([0xff, 0xfe, 0x6e]), 'b.yaml': '#'.repeat(1_000_001) });
    await assert.rejects(
      loadApp('a.yaml', folder),
      (error) => error instanceof UserError && /not UTF-8/.test(error.message),
    );
    await assert.rejects(
      loadApp('b.yaml', folder),
      (error) => error instanceof UserError && /1000001 bytes/.test(error.message),
    );
  }));

test('a Node project becomes a file that can be loaded', () =>
  inFolder(async (folder) => {
    await put(folder, {
      'package.json': JSON.stringify({ name: 'club', dependencies: { mysql2: '^3' } }),
      'login/main.ts': '',
      'web/package.json': JSON.stringify({ scripts: { start: 'node server.js' } }),
      'node_modules/x/index.js': '',
      'db/migrations/V1__members.sql': '',
      'migrations/README.md': '',
    });
    const text = initFile(await inspectFolder(folder));
    await put(folder, { 'holdfast.yaml': text });
    const { app } = await loadApp(undefined, folder);
    assert.deepEqual(
      [app.name, app.database?.topology, app.migrations?.path],
      ['club', 'single', './db/migrations'],
    );
    assert.deepEqual(
      app.services.map(({ name, run }) => [name, run]),
      [
        ['web', 'npm --prefix web start'],
        ['login', 'node login/main.ts'],
      ],
    );
  }));

test('an empty folder has a valid file too, and a broken package.json is named', () =>
  inFolder(async (folder) => {
    const app = parseApp(initFile(await inspectFolder(folder)), 'holdfast.yaml');
    assert.match(app.name, /^holdfast-app-/);
    await put(folder, { 'package.json': '{ "name": ' });
    await assert.rejects(
      inspectFolder(folder),
      (error) => error instanceof UserError && /package\.json/.test(error.message),
    );
  }));
