/**
 * A service that hands sessions over, on a machine, while a part of Holdfast is not there: without a controller users go
 * on, and without a router they come back to where their sessions are.
 */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Status } from '../../src/controller/status.ts';
import { statusWhen } from '../machine-services/support.ts';
import { runTwice } from '../session/support/load.ts';
import { AppFolder } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { NoteLoad } from './note-load.ts';

const USERS = 100;
const service = fileURLToPath(new URL('../session/fixtures/notes.ts', import.meta.url));
const NOTES = `name: notes
services:
  notes:
    run: ${JSON.stringify(`node ${service}`)}
    health: { ready: /ready }
    stateful: { key: { header: x-user }, handoff: true, drain: 30s }
    instances: { min: 2, max: 4 }
`;

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

interface Scene {
  readonly app: AppFolder;
  readonly load: NoteLoad;
}

async function underLoad(): Promise<Scene> {
  const app = resources.use(await AppFolder.create(NOTES));
  await app.must('up', '--detach');
  await statusWhen(app, 'all have copies', isWhole);
  const load = new NoteLoad({ port: await app.routerPort(), users: USERS, think: 300 });
  resources.defer(() => load.end());
  await answeredAgain(load);
  return { app, load };
}

function isWhole({ state, services: [notes] }: Status): boolean {
  const { alone = 0, incomplete = 0 } = notes?.copies ?? {};
  return state === 'ready' && alone === 0 && incomplete === 0;
}

/** Every user gets an answer to a request that begins from now on. */
async function answeredAgain({ answered }: NoteLoad): Promise<void> {
  const at = Date.now();
  await eventually('all users are answered', () => {
    const served = answered.filter(({ began }) => began > at).map(({ user }) => user);
    return new Set(served).size >= USERS;
  });
}

async function assertNothingLost({ app, load }: Scene): Promise<void> {
  await load.end();
  await load.checkAll();
  assert.deepEqual(load.lost, []);
  const logs = (await readdir(app.state.logs)).filter((name) => name.startsWith('notes-'));
  const lines = await Promise.all(
    logs.map(async (name) => (await readFile(join(app.state.logs, name), 'utf8')).split('\n')),
  );
  assert.deepEqual(runTwice(lines), []);
}

test('without a controller users go on; who loses an instance then is refused until there is one, and has lost nothing', async () => {
  const scene = await underLoad();
  const { app, load } = scene;
  await app.killController();
  await answeredAgain(load);
  await answeredAgain(load);
  assert.deepEqual(load.failures, [], 'nobody misses the controller');
  const pid = app.pids()['notes-1'];
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGKILL');
  // Nobody may go on alone before a controller has said so: a change that has no copy is not acknowledged.
  await eventually('users are refused', () => load.failures.length > USERS / 4);
  await app.must('up', '--detach');
  await answeredAgain(load);
  await statusWhen(app, 'there are copies again', isWhole);
  assert.ok(
    load.failures.every(({ status }) => [0, 502, 503].includes(status)),
    JSON.stringify(load.failures),
  );
  await assertNothingLost(scene);
});

test('a router that is killed is started again, and sends everybody to where their session is', async () => {
  const scene = await underLoad();
  const { app, load } = scene;
  for (const { pid, id } of app.processes()) if (id === 'router') process.kill(pid, 'SIGKILL');
  await answeredAgain(load);
  assert.ok(
    load.failures.every(({ status }) => status === 0),
    `only connections broke: ${JSON.stringify(load.failures)}`,
  );
  await assertNothingLost(scene);
});
