/** What goes wrong by hand or by chance, and must neither hang nor be hidden. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { controlSocket } from '../../src/platform/machine/state-folder.ts';
import { AppFolder } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { services } from '../support/services.ts';

const file = `name: app
services:
  sessions:
    run: ${JSON.stringify(services.counter)}
    stateful: { key: { header: x-user }, drain: 1s }
    instances: { min: 2, max: 4 }
  plain: { run: ${JSON.stringify(services.counter)}, instances: { min: 1 } }
routes: { /: sessions, /plain: plain }
`;
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let app: AppFolder;
before(async () => {
  app = await AppFolder.create(file);
  await app.must('up', '--detach');
});
after(() => app.dispose());

async function explained(): Promise<{ owner: string; epoch: number }> {
  return JSON.parse((await app.must('explain', 'alice', '--json')).stdout) as {
    owner: string;
    epoch: number;
  };
}

test('a scale that is not possible for one service changes none', async () => {
  const { code, stderr } = await app.run(['scale', 'sessions=3', 'nosuch=2']);
  assert.equal(code, 2);
  assert.match(stderr, /no service "nosuch"/);
  assert.equal((await app.status()).services.find((s) => s.name === 'sessions')?.wanted, 2);
});

test('a refusal is JSON too where JSON was asked for', async () => {
  const { code, stdout } = await app.run(['scale', 'sessions=many', '--json']);
  assert.equal(code, 2);
  const { error, kind } = JSON.parse(stdout) as { error: string; kind: string };
  assert.equal(kind, 'user');
  assert.match(error, /sessions=many/);
});

test('a control socket that somebody removes comes back', async () => {
  await rm(controlSocket(app.state));
  await eventually('status answers', async () => (await app.run(['status', '--json'])).code === 0);
});

test('an owner table that is lost is made anew under an epoch that was not used before', async () => {
  await app.must('scale', 'sessions=3');
  const earlier = await explained();
  await rm(join(app.state.routing, 'sessions.table.json'));
  await app.killController();
  await app.must('up', '--detach');
  const later = await explained();
  assert.ok(later.epoch > earlier.epoch, `${later.epoch} after ${earlier.epoch}`);
  assert.match(later.owner, /^sessions-[123]$/);
});

test('an instance that the system refuses to start is told, and the rest can be ended', async () => {
  await using other = await AppFolder.create(
    `name: app\nservices:\n  web: { run: x, env: { BIG: { file: big.txt } } }\n`,
    { files: { 'big.txt': 'x'.repeat(200_000), 'zero.txt': 'secret\0word' } },
  );
  const big = await other.run(['up', '--detach']);
  assert.equal(big.code, 2);
  assert.match(big.stderr, /services\.web\.env\.BIG/);
  await other.edit('big.txt', 'zero.txt');
  const zero = await other.run(['up', '--detach']);
  assert.equal(zero.code, 2);
  assert.match(zero.stderr, /services\.web\.env\.BIG.*zero byte/);
  assert.doesNotMatch(zero.stderr, /secret/);
});

test('a terminal that is gone ends a foreground up in order, like Ctrl-C', async () => {
  await using other = await AppFolder.create(
    `name: app\nservices:\n  web: { run: ${JSON.stringify(services.counter)} }\n`,
  );
  const child = spawn(process.execPath, [main, 'up'], { cwd: other.path, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  child.stderr.destroy();
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 0);
  await other.requireEnded();
});

test('an application that gets another name is not given an empty database', async () => {
  await using other = await AppFolder.create(
    `name: app\nservices:\n  web: { run: ${JSON.stringify(services.counter)} }\ndatabase: { topology: single, memory: 16Mi }\n`,
  );
  await other.must('up', '--detach');
  const pids = other.pids();
  await other.edit('name: app', 'name: other');
  const { code, stderr } = await other.run(['up', '--detach']);
  assert.equal(code, 2);
  assert.match(stderr, /database\.name: app/);
  assert.deepEqual(other.pids(), pids, 'nothing was touched');
});
