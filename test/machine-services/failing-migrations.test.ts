/** A migration that can't be applied holds new code back and leaves what runs alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askAs } from '../routing/load.ts';
import { AppFolder } from '../support/app-folder.ts';
import { services } from '../support/services.ts';
import { instanceOf, pidChanges, statusWhen } from './support.ts';

const SHOP = `name: shop
services:
  shop: { run: "${services.counter}", env: { GREETING: { value: first } } }
database: { topology: single }
migrations: {}
`;
const ORDERS = 'CREATE TABLE orders (id INT PRIMARY KEY) ENGINE = InnoDB;\n';
const FIRST = `${ORDERS}ALTER TABLE orders ADD COLUMN price INT;\n`;

test('migrations that fail or were changed', async (t) => {
  await using app = await AppFolder.create(SHOP, {
    files: { 'migrations/V1__orders.sql': FIRST.replace('ALTER TABLE orders', 'ALTER TABLE ordres') },
  });
  const greeting = async (): Promise<string> => {
    const { status, body } = await askAs(await app.routerPort(), 'alice');
    assert.equal(status, 200, body);
    return (JSON.parse(body) as { greeting: string }).greeting;
  };

  await t.test('at the first up, the services wait and the failed statement is named', async () => {
    const up = await app.run(['up', '--detach']);
    assert.equal(up.code, 1);
    assert.match(
      up.stderr,
      /V1__orders\.sql:2: .*ordres.*doesn't exist\n +ALTER TABLE ordres ADD COLUMN price/,
    );
    assert.deepEqual(Object.keys(app.pids()), ['database'], 'no service was started');
    const status = await app.run(['migrate', 'status']);
    assert.equal(status.code, 1);
    assert.match(status.stdout, /held: 0 applied, 1 pending\nV1__orders\.sql:2: /);
  });

  await t.test('once it is mended, up goes on at that statement', async () => {
    // The first statement would fail if it were executed again.
    await app.write('migrations/V1__orders.sql', FIRST);
    await app.must('up', '--detach');
    assert.equal(await greeting(), 'first');
    const status = await app.must('migrate', 'status', '--json');
    assert.deepEqual(JSON.parse(status.stdout), { state: 'applied', applied: 1, pending: 0 });
  });

  await t.test('while one fails, what runs goes on as it is, and new code is not started', async () => {
    const before = app.pids();
    await app.write('migrations/V2__stock.sql', 'ALTER TABLE stock ADD COLUMN place INT;\n');
    await app.edit('first', 'second');
    const up = await app.run(['up', '--detach']);
    assert.equal(up.code, 1);
    assert.match(up.stderr, /V2__stock\.sql:1: .*stock.*doesn't exist/);
    assert.deepEqual(pidChanges(before, app.pids()), []);
    assert.equal(await greeting(), 'first');
    assert.equal((await app.run(['migrate', 'status'])).code, 1);
  });

  await t.test('an instance that dies meanwhile comes back as it was', async () => {
    const { incarnation, pid } = instanceOf(await app.status(), 'shop-1');
    process.kill(pid ?? 0, 'SIGKILL');
    await statusWhen(app, 'shop-1 is back', (status) => {
      const now = instanceOf(status, 'shop-1');
      return now.state === 'ready' && now.incarnation !== incarnation;
    });
    const port = await app.routerPort();
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((user) => askAs(port, user)));
    const seen = answers.map(({ body }) => JSON.parse(body) as { instance: string; greeting: string });
    assert.ok(seen.some(({ instance }) => instance === 'shop-1'));
    assert.deepEqual(new Set(seen.map(({ greeting }) => greeting)), new Set(['first']));
  });

  await t.test('migrate run applies the mended file, and the new code comes into force', async () => {
    assert.equal((await app.run(['migrate', 'run'])).code, 1, 'not mended yet');
    await app.write('migrations/V2__stock.sql', 'CREATE TABLE stock (id INT PRIMARY KEY);\n');
    await app.must('migrate', 'run');
    assert.equal(await greeting(), 'second');
    assert.deepEqual((await app.status()).migrations, { state: 'applied', applied: 2, pending: 0 });
  });

  await t.test('a file that was changed after it was applied is refused, and what runs goes on', async () => {
    const before = app.pids();
    await app.write('migrations/V1__orders.sql', FIRST.replace('price', 'prize'));
    const up = await app.run(['up', '--detach']);
    assert.equal(up.code, 1);
    assert.match(up.stderr, /V1__orders\.sql/);
    assert.match(up.stderr, /changed/);
    assert.deepEqual(pidChanges(before, app.pids()), []);
    assert.equal(await greeting(), 'second');
    await app.write('migrations/V1__orders.sql', FIRST);
    await app.must('migrate', 'run');
    assert.equal((await app.run(['status'])).code, 0);
  });
});
