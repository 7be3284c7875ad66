/** Where an application lies and whose it is: odd folder names, other users, state of another version. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppFolder } from '../support/app-folder.ts';
import { services } from '../support/services.ts';
import { callAll, connectToDatabase } from './support.ts';

const file = `name: app
services:
  counter:
    run: ${JSON.stringify(services.counter)}
    stateful: { key: { header: x-user } }
    instances: { min: 1 }
database: { topology: single, memory: 16Mi }
migrations: {}
`;
const files = { 'migrations/V1__entry.sql': 'CREATE TABLE entry (n INT PRIMARY KEY);\n' };

/** Of no user of the system. */
const ORDINARY = 12_345;

const names = {
  'spaces, quotes, letters of all the world and what shells and options files expand': `two  words "double" 'single' \`date\` grüße 世界 🦉 $HOME \${HOME} %d #1`,
  'a path too long for a socket': `${'long-'.repeat(30)}name`,
};

for (const [what, name] of Object.entries(names))
  test(`an application runs in a folder whose name has ${what}`, async () => {
    await using app = await AppFolder.create(file, { files, name });
    await requireWhole(app);
  });

test('up refuses a folder with a backslash in its name, which MariaDB cannot take', async () => {
  await using app = await AppFolder.create(file, { files, name: 'new\\name' });
  const { code, stderr } = await app.run(['up', '--detach']);
  assert.equal(code, 2);
  assert.match(stderr, /rename/);
});

test('an application runs as an ordinary user who has no name', async () => {
  await using app = await AppFolder.create(file, { files, ...(canRunAs(ORDINARY) && { user: ORDINARY }) });
  await requireWhole(app);
});

test('every verb refuses state of an unknown version, and touches nothing', async () => {
  await using app = await AppFolder.create(file);
  for (const [version, refused] of [
    ['{"version": 2}', verbs],
    ['not json', [['up'], ['down']]],
    ['', [['up'], ['down']]],
  ] as const) {
    await app.write('.holdfast/version.json', version);
    await app.write('.holdfast/processes/counter-1.json', 'of another version');
    const before = await snapshot(app.state.root);
    for (const verb of refused) {
      const { code, stderr } = await app.run(verb);
      assert.equal(code, 2, `${verb.join(' ')}: ${stderr}`);
      assert.match(stderr, /another version of Holdfast/, verb.join(' '));
    }
    assert.deepEqual(await snapshot(app.state.root), before);
    await app.requireEnded();
  }
});

const verbs = [
  ['up'],
  ['up', '--detach'],
  ['up', '--dry-run'],
  ['controller'],
  ['down'],
  ['status'],
  ['logs'],
  ['scale', 'counter=2'],
  ['restart', 'counter'],
  ['explain', 'alice'],
  ['migrate', 'run'],
  ['migrate', 'status'],
];

/** Root can, where the repository is within others' reach; an ordinary user stays who they are. */
function canRunAs(user: number): boolean {
  const read = `fs.accessSync(${JSON.stringify(import.meta.filename)})`;
  return spawnSync(process.execPath, ['--eval', read], { cwd: '/', uid: user, gid: user }).status === 0;
}

/** The whole way: up, a session, data, the controller killed, up again, down. */
async function requireWhole(app: AppFolder): Promise<void> {
  await app.must('up', '--detach');
  const port = await app.routerPort();
  assert.equal((await callAll(port, ['alice'])).get('alice')?.calls, 1);
  const connection = await connectToDatabase(app);
  await connection.query('INSERT INTO entry VALUES (1)');
  await connection.end();
  const before = app.pids();
  await app.killController();
  await app.must('up', '--detach');
  assert.deepEqual(app.pids(), before);
  assert.equal((await callAll(port, ['alice'])).get('alice')?.calls, 2);
  assert.match((await app.must('explain', 'alice')).stdout, /counter-1/);
  await app.must('down');
  await app.requireEnded();
}

/** Every file with its content, size and times. */
async function snapshot(folder: string): Promise<unknown[]> {
  const names = await readdir(folder, { recursive: true });
  const entries = names.toSorted().map(async (name) => {
    const path = join(folder, name);
    const { mode, mtimeMs, ino } = await stat(path);
    const content = await readFile(path, 'utf8').catch(() => 'a folder');
    return { name, mode, mtimeMs, ino, content };
  });
  return Promise.all(entries);
}
