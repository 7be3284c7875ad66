/** What the user or the machine lacks is told before anything is started, with what to do about it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { askAs } from '../routing/load.ts';
import { AppFolder } from '../support/app-folder.ts';
import { HOST } from '../support/haproxy.ts';
import { services } from '../support/services.ts';
import { pidChanges } from './support.ts';

const SHOP = `name: shop
services:
  shop: { run: "${services.counter}", instances: { min: 1 } }
`;

test('the programs are found although the PATH lacks their folders, and doctor agrees', async () => {
  await using app = await AppFolder.create(SHOP, { env: { PATH: '/usr/bin:/bin' } });
  const doctor = await app.run(['doctor', '--json']);
  const findings = JSON.parse(doctor.stdout) as { check: string; ok: boolean }[];
  assert.deepEqual([doctor.code, findings.filter(({ ok }) => !ok)], [0, []]);
  for (const program of ['node', 'haproxy', 'mariadbd', 'mariadb-install-db', 'flock'])
    assert.ok(
      findings.some(({ check }) => check === program),
      program,
    );
  await app.must('up', '--detach');
});

test('a database that can not be made is told at once, with what its installer said', async () => {
  // With this path the installer, a script of the shell, finds none of the tools that it needs.
  await using app = await AppFolder.create(`${SHOP}database: { topology: single }\n`, {
    env: { PATH: '/nowhere' },
  });
  const { code, stderr } = await app.run(['up', '--detach']);
  assert.equal(code, 1);
  assert.match(stderr, /database: the database's data folder could not be made by \S+: [^]*not found/);
  const { database, state } = await app.status();
  assert.deepEqual([state, database.state], ['failing', 'failed']);
});

test('a port that another program has is refused with its name and pid, and nothing is started', async (t) => {
  const holder = createServer().listen(0, HOST);
  t.after(() => holder.close());
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  await using app = await AppFolder.create(`${SHOP}router: { port: ${port} }\n`);
  for (const args of [['up', '--detach'], ['up']]) {
    const { code, stderr } = await app.run(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, new RegExp(`port ${port} on ${HOST} is in use by \\S+ \\(pid ${process.pid}\\)`));
    assert.match(stderr, /choose another port/);
  }
  assert.deepEqual(app.processes(), []);
  const doctor = await app.run(['doctor']);
  assert.equal(doctor.code, 1);
  assert.match(doctor.stdout, new RegExp(`✘ router's port +${HOST}:${port} is in use`));
});

test('a file with mistakes is refused with all of them, and nothing is started', async () => {
  await using app = await AppFolder.create(`name: Shop
services:
  shop: { rnu: "${services.counter}", instances: { min: 3, max: 2 } }
routes: { /: shpo }
`);
  for (const args of [['up', '--detach'], ['up'], ['up', '--dry-run']]) {
    const { code, stdout, stderr } = await app.run(args);
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, /holdfast\.yaml:1:7 +name: /);
    assert.match(stderr, /holdfast\.yaml:3:11 +services\.shop\.rnu: .*did you mean "run"/);
    assert.match(stderr, /holdfast\.yaml:4:14 +routes\./);
  }
  assert.deepEqual(app.processes(), []);
});

test('a running application goes on as it is when its file can no longer be used', async () => {
  await using app = await AppFolder.create(SHOP);
  await app.must('up', '--detach');
  const port = await app.routerPort();
  const before = app.pids();

  await app.edit('min: 1', 'mni: 1');
  const bad = await app.run(['up', '--detach']);
  assert.deepEqual([bad.code, bad.stdout], [2, '']);
  assert.match(bad.stderr, /mni: .*did you mean "min"/);

  await app.edit('mni: 1 }', 'min: 1 }, env: { GREETING: { from: HOLDFAST_TEST_GREETING } }');
  const unset = await app.run(['up', '--detach']);
  assert.equal(unset.code, 2);
  assert.match(
    unset.stderr,
    /services\.shop\.env\.GREETING: the variable HOLDFAST_TEST_GREETING is not set in this shell/,
  );

  assert.deepEqual(pidChanges(before, app.pids()), []);
  assert.equal((await app.status()).state, 'ready');
  assert.equal((await askAs(port, 'alice')).status, 200);
});

test('a variable that the file takes from the shell must be set there, and then reaches the service', async () => {
  const yaml = SHOP.replace('min: 1 }', 'min: 1 }, env: { GREETING: { from: HOLDFAST_TEST_GREETING } }');
  await using unset = await AppFolder.create(yaml);
  for (const args of [['up', '--detach'], ['up']]) {
    const { code, stderr } = await unset.run(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(
      stderr,
      /the variable HOLDFAST_TEST_GREETING is not set in this shell; set it and try again/,
    );
  }
  assert.deepEqual(unset.processes(), []);

  await using set = await AppFolder.create(yaml, { env: { HOLDFAST_TEST_GREETING: 'hello' } });
  await set.must('up', '--detach');
  const { body } = await askAs(await set.routerPort(), 'alice');
  assert.equal((JSON.parse(body) as { greeting: string }).greeting, 'hello');
});
