/**
 * The controller killed at random moments of `up`, of scaling and of `down`: whatever was under way, the
 * next verb ends it, nothing runs twice on the way, and no data and no session goes.
 * HOLDFAST_CONTROLLER_KILLS says how many rounds of each kind, HOLDFAST_SEED which random moments.
 */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { AppFolder } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { services } from '../support/services.ts';
import { callAll, connectToDatabase, generator, Watch } from './support.ts';

const rounds = Number(process.env['HOLDFAST_CONTROLLER_KILLS'] ?? 4);
const random = generator(Number(process.env['HOLDFAST_SEED'] ?? 1));

/** About how long it takes to set up a database, to start, to scale, to end: kills are spread over it. Milliseconds. */
const SET_UP_MS = 1_500;
const UP_MS = 2_000;
const SCALE_MS = 2_000;
const DOWN_MS = 1_000;

const file = `name: app
services:
  sessions:
    run: ${JSON.stringify(services.counter)}
    stateful: { key: { header: x-user }, drain: 1s }
    instances: { min: 2, max: 4 }
  plain:
    run: ${JSON.stringify(services.counter)}
routes: { /: sessions, /plain: plain }
database: { topology: single, memory: 16Mi }
migrations: {}
`;
const users = Array.from({ length: 30 }, (_, index) => `user-${index}`);

let app: AppFolder;
let watch: Watch;
/** Rows of `entry` that MariaDB has acknowledged. */
let written = 0;

before(async () => {
  const files = { 'migrations/V1__entry.sql': 'CREATE TABLE entry (n INT PRIMARY KEY);\n' };
  app = await AppFolder.create(file, { files });
  watch = new Watch(app, 'sessions');
});
after(async () => {
  await watch.end();
  await app.dispose();
});

test(`a database is whole although controllers were killed while they set it up (${rounds} times)`, async () => {
  for (let round = 0; round < rounds; round += 1) await killedDuring(['up', '--detach'], SET_UP_MS);
  await app.must('up', '--detach');
  await requireData();
  const leftovers = (await readdir(app.state.database)).filter((name) => name.includes('unfinished'));
  assert.deepEqual(leftovers, []);
  assert.deepEqual(watch.violations, []);
  await app.must('down');
});

test(`up ends what a controller killed within up has begun (${rounds} times)`, async () => {
  for (let round = 0; round < rounds; round += 1) {
    await killedDuring(['up', '--detach'], UP_MS);
    const before = app.pids();
    await app.must('up', '--detach');
    assert.deepEqual(survivorsOf(before), before, 'what ran was adopted');
    await requireData();
    // The next round is another start, not another adoption.
    if (round % 2 === 0) await app.must('down');
  }
  assert.deepEqual(watch.violations, []);
});

test('a controller killed at rest is missed by nobody, and the next one adopts all with their sessions', async () => {
  await app.must('up', '--detach');
  const [before, port] = [app.pids(), await app.routerPort()];
  const first = await callAll(port, users);
  await app.killController();
  const second = await callAll(port, users);
  await app.must('up', '--detach');
  const third = await callAll(port, users);
  assert.deepEqual(app.pids(), before);
  for (const user of users) {
    assert.equal(second.get(user)?.calls, (first.get(user)?.calls ?? 0) + 1, user);
    assert.equal(third.get(user)?.calls, (first.get(user)?.calls ?? 0) + 2, user);
  }
  await requireData();
  assert.deepEqual(watch.violations, []);
});

test(`up ends the scaling of a killed controller; no adopted instance loses a session (${rounds} times)`, async () => {
  await app.must('up', '--detach');
  for (let round = 0; round < rounds; round += 1) {
    const port = await app.routerPort();
    const earlier = await callAll(port, users);
    const count = round % 2 === 0 ? 4 : 2;
    await killedDuring(['scale', `sessions=${count}`], SCALE_MS);
    await app.must('up', '--detach');
    const later = await callAll(port, users);
    for (const [user, { pid, calls }] of later)
      if (pid === earlier.get(user)?.pid || count === 4)
        assert.equal(calls, (earlier.get(user)?.calls ?? 0) + 1, `${user} in round ${round}`);
    await requireData();
    assert.deepEqual(watch.violations, []);
  }
});

test(`down ends what a controller killed within down has left, and up finds the same data (${rounds} times)`, async () => {
  for (let round = 0; round < rounds; round += 1) {
    await app.must('up', '--detach');
    await requireData();
    await killedDuring(['down'], DOWN_MS);
    // Either way must do: to begin again, or to end it first.
    if (round % 2 === 0) {
      await app.must('down');
      await app.requireEnded();
    }
  }
  await app.must('up', '--detach');
  await requireData();
  assert.deepEqual(watch.violations, []);
});

/** Starts a verb, and kills the controller at a random moment within the verb's usual time. */
async function killedDuring(verb: readonly string[], usualMs: number): Promise<void> {
  const running = app.start(verb);
  await eventually('a controller runs', () => app.controllerPid() !== undefined);
  await delay(random() * usualMs);
  await app.killController();
  const { code, stderr } = await running.result;
  // 2: it came too late to be heard.
  const ends = stderr.includes('does not run here') ? [2] : [0, 1];
  assert.ok(ends.includes(code ?? -1), `${verb.join(' ')} ended with ${code}: ${stderr}`);
}

/** Of these processes those that still run. */
function survivorsOf(before: Readonly<Record<string, number>>): Record<string, number> {
  const now = app.pids();
  return Object.fromEntries(Object.entries(before).filter(([id, pid]) => now[id] === pid));
}

/** All that was acknowledged is there; one row more each time. */
async function requireData(): Promise<void> {
  const connection = await connectToDatabase(app);
  try {
    const [rows] = await connection.query('SELECT COUNT(*) AS n FROM entry');
    assert.deepEqual(rows, [{ n: written }]);
    await connection.query('INSERT INTO entry VALUES (?)', [written]);
    written += 1;
  } finally {
    await connection.end();
  }
}
