/** Who can read what: files and sockets are the owner's alone, and no secret is where others may look. */
import assert from 'node:assert/strict';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { AppFolder } from '../support/app-folder.ts';
import { services } from '../support/services.ts';

const file = `name: app
services:
  counter:
    run: ${JSON.stringify(services.counter)}
    stateful: { key: { header: x-user } }
    instances: { min: 1 }
    env:
      KEY: { generate: 32 }
      MAIL: { secret: mail, key: password }
      SHELL_SECRET: { from: SHELL_SECRET }
database: { topology: single, memory: 16Mi }
migrations: {}
`;
const WATCH_INTERVAL_MS = 10;

const mail = 'mail-password-of-the-user';
const shell = 'secret-of-the-shell';
const options = {
  files: {
    'migrations/V1__entry.sql': 'CREATE TABLE entry (n INT PRIMARY KEY);\n',
    '.holdfast/secrets/mail/password': `${mail}\n`,
  },
  env: { SHELL_SECRET: shell },
};

test('the state folder and its sockets are closed to others, and so is each file in it', async () => {
  await using app = await AppFolder.create(file, options);
  await app.must('up', '--detach');
  for (const folder of [app.state.root, app.state.sockets, app.state.generated, app.state.database])
    assert.equal(await modeOf(folder), 0o700, folder);
  assert.equal(await modeOf(join(app.state.sockets, 'control.sock')), 0o600);
  const open = await filesOpenToOthers(app.state.root);
  // The server makes its own files, and the user the secrets.
  const own = open.filter((path) => !/^(database\/data|secrets)\//.test(path));
  assert.deepEqual(own, []);
  assert.equal(await modeOf(join(app.state.database, 'data')), 0o700);
});

test('no secret is in an argument of a process, in a log, or in what the verbs say', async () => {
  await using app = await AppFolder.create(file, options);
  const said: string[] = [];
  const commands = watchCommands(app);
  const say = async (...verb: string[]): Promise<void> => {
    const { stdout, stderr } = await app.run(verb);
    said.push(stdout, stderr);
  };
  await say('up', '--dry-run');
  await say('up', '--detach');
  const secrets = [mail, shell, ...(await generated(app.state.generated))];
  assert.equal(secrets.length, 2 + 1 + 3, 'the key, and passwords of administrator, migrator and service');
  for (const verb of ['status', 'logs', 'doctor', 'explain alice', 'migrate status'])
    await say(...verb.split(' '), '--json');
  await say('up', '--dry-run', '--json');
  await app.edit('migrations: {}', 'migrations: { path: nowhere }');
  await say('up', '--detach');
  await app.edit('migrations: { path: nowhere }', 'migrations: {}');
  await app.write('migrations/V2__wrong.sql', 'CREATE TABEL wrong (n INT);\n');
  await say('up', '--detach');
  await say('status');
  await say('down');
  said.push(...(await commands.end()), ...(await logs(app.state.logs)));
  assert.ok(
    said.some((text) => text.includes('TABEL')),
    'the failed migration is reported',
  );
  for (const secret of secrets) {
    const found = said.filter((text) => text.includes(secret));
    assert.deepEqual(found, []);
  }
});

test('a value that cannot be had is named without the others', async () => {
  const { files } = options;
  await using app = await AppFolder.create(file, { files, env: { SHELL_SECRET: shell } });
  await app.edit('{ from: SHELL_SECRET }', '{ from: NOT_SET_ANYWHERE }');
  const { code, stdout, stderr } = await app.run(['up', '--detach']);
  assert.equal(code, 2);
  assert.match(stderr, /NOT_SET_ANYWHERE/);
  assert.ok(!`${stdout}${stderr}`.includes(mail));
  await app.requireEnded();
});

async function modeOf(path: string): Promise<number> {
  return (await lstat(path)).mode & 0o777;
}

/** Files below a folder that anybody but their owner may read or write. */
async function filesOpenToOthers(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const path of entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name)))
    // Logs and records are replaced while this looks.
    if (((await modeOf(path).catch(() => 0)) & 0o077) !== 0) found.push(relative(folder, path));
  return found;
}

async function generated(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')));
}

async function logs(folder: string): Promise<string[]> {
  return Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
}

/** Collects the commands of all processes of an application until it is ended, short-lived ones as far as seen. */
function watchCommands(app: AppFolder): { end(): Promise<string[]> } {
  const seen = new Set<string>();
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      for (const { command } of app.processes()) seen.add(command.join(' '));
      await delay(WATCH_INTERVAL_MS);
    }
  })();
  return {
    async end() {
      over.abort();
      await watching;
      return [...seen];
    },
  };
}
