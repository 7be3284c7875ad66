/** `up` again after a change in the file: what changed is done, without a failed request, and nothing else. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AppFolder } from '../support/app-folder.ts';
import { services } from '../support/services.ts';
import { ask, Load } from '../routing/load.ts';
import { callAll, type Counted } from './support.ts';

const counter = JSON.stringify(services.counter);
const file = `name: app
services:
  sessions:
    run: ${counter}
    stateful: { key: { header: x-user }, drain: 1s }
  plain:
    run: ${counter}
    env: { GREETING: { value: hello } }
routes: { /sessions: sessions, /: plain }
`;
const more = `  more: { run: ${counter}, instances: { min: 1 } }\n`;
const users = Array.from({ length: 8 }, (_, index) => `user-${index}`);

let app: AppFolder;
let port: number;

before(async () => {
  app = await AppFolder.create(file);
  await app.must('up', '--detach');
  port = await app.routerPort();
});
after(() => app.dispose());

test('up again without a change restarts nothing', async () => {
  const before = app.pids();
  await app.must('up', '--detach');
  assert.deepEqual(app.pids(), before);
});

test('up --dry-run prints what a changed file would do, and does none of it', async () => {
  const before = app.pids();
  await app.edit('value: hello', 'value: good day');
  const { stdout } = await app.must('up', '--dry-run');
  assert.match(stdout, /plain-3: .*replaces an outdated one/);
  assert.doesNotMatch(stdout, /sessions/);
  assert.equal((await plannedSteps()).length, 1);
  assert.deepEqual(app.pids(), before);
  assert.equal((await callPlain()).greeting, 'hello');
  await app.edit('value: good day', 'value: hello');
  assert.deepEqual(await plannedSteps(), [], 'nothing is to be done for the file in force');
});

test("a changed env replaces that service's instances one by one, with no failed request and no other restart", async () => {
  const before = app.pids();
  await callAll(port, users);
  await app.edit('value: hello', 'value: welcome');
  const failures = await underLoad(async () => {
    await app.must('up', '--detach');
  });
  assert.deepEqual(failures, []);
  const now = app.pids();
  for (const id of ['sessions-1', 'sessions-2', 'router']) assert.equal(now[id], before[id], id);
  const old = new Set(Object.values(before));
  const plain = Object.entries(now).filter(([id]) => id.startsWith('plain-'));
  assert.equal(plain.length, 2);
  for (const [id, pid] of plain) assert.ok(!old.has(pid), `${id} is new`);
  assert.equal((await callPlain()).greeting, 'welcome');
});

test('a new service is added and a removed one ends, with no failed request and no other restart', async () => {
  const before = app.pids();
  await app.edit('routes: { ', `${more}routes: { /more: more, `);
  const failures = await underLoad(async () => {
    await app.must('up', '--detach');
    assert.equal(((await call('/more')) as Counted).instance, 'more-1');
    await app.edit(more, '');
    await app.edit('/more: more, ', '');
    await app.must('up', '--detach');
  });
  assert.deepEqual(failures, []);
  assert.deepEqual(app.pids(), before);
  assert.deepEqual((await app.status()).services.map(({ name }) => name).toSorted(), ['plain', 'sessions']);
});

test('a file that became wrong changes nothing, and up says what is wrong with it', async () => {
  const before = app.pids();
  await app.edit('value: welcome', 'valve: welcome');
  const { code, stderr } = await app.run(['up', '--detach']);
  assert.equal(code, 2);
  assert.match(stderr, /holdfast\.yaml:\d+:\d+/);
  assert.deepEqual(app.pids(), before);
  assert.equal((await app.run(['status'])).code, 0);
});

async function plannedSteps(): Promise<unknown[]> {
  const { stdout } = await app.must('up', '--dry-run', '--json');
  return (JSON.parse(stdout) as { steps: unknown[] }[]).flatMap((phase) => phase.steps);
}

/** What `plain` did not answer with 200 while this was done. */
async function underLoad(act: () => Promise<void>): Promise<string[]> {
  const load = new Load(port, users);
  try {
    await act();
  } finally {
    await load.end();
  }
  assert.ok(load.answered > 100);
  return load.failures;
}

async function call(path: string): Promise<unknown> {
  const { status, body } = await ask(port, { path });
  assert.equal(status, 200, body);
  return JSON.parse(body);
}

async function callPlain(): Promise<Counted> {
  return (await call('/')) as Counted;
}
