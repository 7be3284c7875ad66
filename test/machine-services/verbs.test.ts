/** What each verb says, and its exit code: 0 done, 1 failed, 2 the user's to mend. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppFolder } from '../support/app-folder.ts';
import { askAs } from '../routing/load.ts';
import { eventually } from '../support/haproxy.ts';
import { services } from '../support/services.ts';
import { pidChanges, serviceOf, statusWhen } from './support.ts';

const APP = `name: app
services:
  login:
    run: "echo begins && exec ${services.counter}"
    stateful: { key: { header: x-user }, idle: 6s, drain: 60s }
    instances: { min: 2, max: 3 }
  shop: { run: "echo opens && exec ${services.counter}", instances: { min: 1, max: 2 } }
routes: { /login: login, /: shop }
`;

test('the verbs on a running application', async (t) => {
  await using app = await AppFolder.create(APP);
  await app.must('up', '--detach');
  const port = await app.routerPort();
  const refused = async (args: readonly string[], words: RegExp): Promise<void> => {
    const { code, stdout, stderr } = await app.run(args);
    assert.deepEqual([code, stdout], [2, ''], `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, words, args.join(' '));
    assert.doesNotMatch(stderr, /^ +at /m, 'no stack trace');
  };

  await t.test('logs show everything, a service or an instance, each line with its source', async () => {
    const sources = async (...args: string[]): Promise<string[]> => {
      const { stdout } = await app.must('logs', ...args);
      const lines = stdout.trimEnd().split('\n');
      for (const line of lines) assert.match(line, /^[a-z]+(-\d+)? +\| ./);
      return [...new Set(lines.map((line) => line.split(' ')[0] ?? ''))];
    };
    assert.deepEqual(await sources(), ['login-1', 'login-2', 'router', 'shop-1']);
    assert.deepEqual(await sources('login'), ['login-1', 'login-2']);
    assert.deepEqual(await sources('shop-1'), ['shop-1']);
    assert.match((await app.must('logs', 'shop-1')).stdout, /^shop-1 +\| opens\n$/);
    const json = await app.must('logs', 'shop', '--json');
    assert.deepEqual(JSON.parse(json.stdout), { id: 'shop-1', text: 'opens' });
    await refused(['logs', 'shpo'], /no output of "shpo"; there is .*login-1.*shop-1/);
    await refused(['logs', '-n', 'many'], /whole number/);
  });

  await t.test('explain says who owns a user, who serves her, and why', async (about) => {
    const explain = async (...args: string[]): Promise<Record<string, unknown>> =>
      JSON.parse((await app.must('explain', ...args, '--json')).stdout) as Record<string, unknown>;
    const before = await explain('alice');
    assert.match(String(before['owner']), /^login-[12]$/);
    assert.deepEqual([before['pinned'], before['servedBy']], [false, before['owner']]);
    assert.equal(before['epoch'], serviceOf(await app.status(), 'login').epoch);
    const answer = JSON.parse((await askAs(port, 'alice', { path: '/login' })).body) as { instance: string };
    // A session that is in use, however long it takes to ask.
    const use = (): void => void askAs(port, 'alice', { path: '/login' }).catch(() => undefined);
    const using = setInterval(use, 500);
    about.after(() => clearInterval(using));
    const after = await explain('alice', '--service', 'login');
    assert.deepEqual([after['pinned'], after['servedBy']], [true, answer.instance]);
    const words = await app.must('explain', 'alice');
    assert.match(
      words.stdout,
      new RegExp(`^alice is served by ${answer.instance}\\n +slot +\\d+\\n +owner +`),
    );
    const [first] = after['moves'] as { epoch: number; from: string | null; to: string }[];
    assert.deepEqual([first?.to, (first?.epoch ?? 0) > 0], [before['owner'], true]);
    assert.match(words.stdout, /epoch \d+, .* ago: from (nobody|login-\d) to login-\d \(\d owners\)/);
    const then = await explain('alice', '--if', '+1', '--if', '-login-1');
    const { whatIf } = then as unknown as {
      whatIf: { members: string[]; users: number; movedSlots: number };
    };
    assert.deepEqual(whatIf.members, ['login-2', 'login-3']);
    assert.ok(whatIf.users === 0 || whatIf.users === 1, `${whatIf.users} users`);
    assert.ok(whatIf.movedSlots >= 32_768, `${whatIf.movedSlots} slots`);
    const asked = await app.must('explain', 'alice', '--if', '+1');
    assert.match(
      asked.stdout,
      /if \+1: 3 instances\n +the (user|slot) (stays|moves) .*\n +2184[56] of 65537 slots/,
    );
    await refused(['explain', 'alice', '--if', '-login-7'], /no such owner; the owners are login-1, login-2/);
    await refused(['explain', 'alice', '--service', 'nobody'], /nobody|say which service/);
    await refused(['explain', 'alice', '--service', 'shop'], /shop|say which service/);
    await refused(['explain'], /missing required argument 'key'/);
  });

  await t.test('scale says what can be had', async () => {
    await refused(['scale', 'login=4'], /login can have 2 to 3 instances; change "instances" in the file/);
    await refused(['scale', 'login=0'], /login can have 2 to 3 instances/);
    await refused(['scale', 'nobody=2'], /there is no service "nobody"; there are login, shop/);
    await refused(['scale', 'login'], /"login" is not of the form SERVICE=NUMBER, such as login=3/);
    await refused(['scale', 'login=-1'], /"login=-1" is not of the form/);
    await refused(['scale'], /missing required argument/);
  });

  await t.test('a leaving instance is ended as soon as its users are idle', async () => {
    await app.must('scale', 'login=3', 'shop=2');
    assert.equal(serviceOf(await app.status(), 'shop').ready, 2);
    const users = Array.from({ length: 30 }, (_, index) => `idle-${index}`);
    const answers = await Promise.all(users.map((user) => askAs(port, user, { path: '/login' })));
    assert.ok(answers.some(({ body }) => body.includes('"login-3"')));
    await app.must('scale', 'login=2', '--no-wait');
    const leaving = await statusWhen(app, 'login-3 leaves, with its users', (status) =>
      serviceOf(status, 'login').instances.some((i) => i.state === 'leaving' && (i.pinned ?? 0) > 0),
    );
    const { leaveBy = 0 } = serviceOf(leaving, 'login').instances.find((i) => i.state === 'leaving') ?? {};
    await statusWhen(app, 'login-3 is gone', (status) => serviceOf(status, 'login').instances.length === 2);
    assert.ok(Date.now() < leaveBy, 'well before its drain time is over');
  });

  await t.test('restart replaces each instance of that service only', async () => {
    const before = app.pids();
    await app.must('restart', 'shop');
    const changed = pidChanges(before, app.pids());
    assert.deepEqual(
      changed.filter((id) => !id.startsWith('shop-')),
      [],
    );
    const old = Object.values(before);
    const now = Object.entries(app.pids()).filter(([id]) => id.startsWith('shop-'));
    assert.equal(now.length, 2);
    assert.deepEqual(
      now.filter(([, pid]) => old.includes(pid)),
      [],
    );
    await refused(['restart', 'nobody'], /there is no service "nobody"; there are login, shop/);
  });

  await t.test('status --watch goes on until Ctrl-C', async () => {
    const watching = app.start(['status', '--watch', '--json']);
    await eventually('it has looked twice', () => watching.output().trimEnd().split('\n').length >= 2);
    watching.signal('SIGINT');
    const { code, stdout } = await watching.result;
    assert.equal(code, 0);
    for (const line of stdout.trimEnd().split('\n'))
      assert.equal((JSON.parse(line) as { name: string }).name, 'app');
  });

  await t.test('unknown verbs and options are refused with the nearest one', async () => {
    await refused(['stauts'], /unknown command 'stauts'[^]*status/);
    await refused(['up', '--detahc'], /unknown option '--detahc'[^]*--detach/);
    await refused(['up', '--app', 'no/such/folder'], /no\/such\/folder/);
  });
});

test('without an application that runs, the verbs say how to start it', async () => {
  await using app = await AppFolder.create(APP);
  for (const args of [
    ['status'],
    ['scale', 'login=2'],
    ['restart', 'login'],
    ['explain', 'alice'],
    ['migrate', 'status'],
  ]) {
    const { code, stderr } = await app.run(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /does not run here; start it: holdfast up/, args.join(' '));
  }
  const logs = await app.run(['logs']);
  assert.equal(logs.code, 2);
  assert.match(logs.stderr, /holdfast up/);
  assert.equal((await app.run(['down'])).code, 0);
});

test('init writes a file for the folder it stands in that up understands', async () => {
  await using app = await AppFolder.create('name: unused', {
    files: {
      'new/package.json': JSON.stringify({ name: 'shop', scripts: { start: 'node server.js' } }),
      'new/server.js': "require('node:http').createServer((q, a) => a.end()).listen(process.env.PORT);\n",
    },
  });
  const folder = join(app.path, 'new');
  const init = await app.must('init', '--app', folder);
  assert.match(init.stdout, /holdfast\.yaml written\. .*holdfast up/);
  const plan = await app.must('up', '--dry-run', '--app', folder);
  assert.match(plan.stdout, /router|start/);
  const written = await readFile(join(folder, 'holdfast.yaml'), 'utf8');
  assert.match(written, /^name: shop$/m);
  const again = await app.run(['init', '--app', folder]);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /is there already; it was left as it is/);
  assert.deepEqual(app.processes(), []);
  const schema = JSON.parse((await app.must('schema')).stdout) as { required: string[] };
  assert.ok(schema.required.includes('services'));
});
