/** A release with an expand and a contract: the contract comes when the last instance of the version before has ended. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { askAs } from '../routing/load.ts';
import { AppFolder } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { services } from '../support/services.ts';
import { query } from './application-database.ts';
import { pidChanges, statusWhen } from './support.ts';

const SHOP = `name: shop
services:
  shop: { run: "${services.patient}", instances: { min: 1 }, stop: 1m }
database: { topology: single }
migrations: {}
`;

test('a contract', async (t) => {
  await using app = await AppFolder.create(SHOP, {
    files: { 'migrations/V1__orders.sql': 'CREATE TABLE orders (id INT PRIMARY KEY, name VARCHAR(20));\n' },
  });
  await app.must('up', '--detach');

  await t.test('is announced by the plan', async () => {
    await app.write('migrations/V2__title.sql', 'ALTER TABLE orders ADD COLUMN title VARCHAR(20);\n');
    await app.write(
      'migrations/V3__no_name.sql',
      '-- holdfast: contract\nALTER TABLE orders DROP COLUMN name;\n',
    );
    const { stdout } = await app.must('up', '--dry-run');
    assert.match(stdout, /contract: version 3 waits until no instance of an older version is left/);
    assert.match(stdout, /apply pending migrations/);
  });

  await t.test('waits for the last instance of the version before, and comes by itself', async () => {
    const asked = askAs(await app.routerPort(), 'alice');
    await eventually('the old instance has the request', () => isAsked(app));
    const up = app.start(['up', '--detach']);
    const { migrations } = await statusWhen(app, 'the new instance serves', ({ services: [shop] }) =>
      (shop?.instances ?? []).some(({ id, state }) => id === 'shop-2' && state === 'ready'),
    );
    assert.deepEqual([migrations.state, migrations.applied, migrations.pending], ['applied', 2, 1]);
    assert.deepEqual(
      [migrations.contract?.state, migrations.contract?.reason],
      ['pending', 'waits for instances of an older version to end: shop-1'],
    );
    assert.deepEqual(await columnsOf(app), ['id', 'name', 'title']);
    await app.write('go', '');
    assert.equal((await asked).status, 200, 'the old instance has finished its work');
    assert.equal((await up.result).code, 0);
    await statusWhen(app, 'it is applied', (status) => status.migrations.contract?.state === 'applied');
    assert.deepEqual(await columnsOf(app), ['id', 'title']);
    const { stdout } = await app.must('status');
    assert.match(stdout, /contract +applied +V3__no_name\.sql: .*no way back/);
  });

  await t.test('closes the way back', async () => {
    const contract = '-- holdfast: contract\nALTER TABLE orders DROP COLUMN name;\n';
    await rm(join(app.path, 'migrations/V3__no_name.sql'));
    const up = await app.run(['up', '--detach']);
    assert.equal(up.code, 2);
    assert.match(up.stderr, /V3__no_name\.sql is applied .* can't work/);
    await app.write('migrations/V3__no_name.sql', contract);
  });

  await t.test(
    'is known from the database when the controller begins anew, and so is the closed way',
    async () => {
      const contract = '-- holdfast: contract\nALTER TABLE orders DROP COLUMN name;\n';
      const before = app.pids();
      await app.killController();
      await app.must('up', '--detach');
      const known = await statusWhen(
        app,
        'it is known',
        ({ migrations }) => migrations.contract !== undefined,
      );
      assert.deepEqual(
        [known.migrations.contract?.state, known.migrations.contract?.files],
        ['applied', ['V3__no_name.sql']],
      );
      await app.killController();
      await rm(join(app.path, 'migrations/V3__no_name.sql'));
      const up = await app.run(['up', '--detach']);
      assert.equal(up.code, 1);
      assert.match(up.stderr, /V3__no_name\.sql is applied .* can't work/);
      await app.write('migrations/V3__no_name.sql', contract);
      await app.must('up', '--detach');
      assert.deepEqual(pidChanges(before, app.pids()), [], 'nobody is replaced by any of this');
    },
  );

  await t.test('that fails leaves the application ready, and is tried again when it is mended', async () => {
    await app.write('migrations/V4__price.sql', 'ALTER TABLE orders ADD COLUMN price INT;\n');
    await app.write(
      'migrations/V5__less.sql',
      '-- holdfast: contract\nALTER TABLE orders DROP COLUMN titel;\n',
    );
    await app.must('up', '--detach');
    const { state, migrations } = await statusWhen(
      app,
      'it failed',
      (status) => status.migrations.contract?.state === 'held',
    );
    assert.equal(state, 'ready');
    assert.deepEqual(migrations.contract?.files, ['V5__less.sql']);
    assert.match(migrations.contract.reason, /V5__less\.sql:2: .*titel/);
    assert.equal((await askAs(await app.routerPort(), 'alice')).status, 200);
    const before = app.pids();
    await app.write(
      'migrations/V5__less.sql',
      '-- holdfast: contract\nALTER TABLE orders DROP COLUMN title;\n',
    );
    await app.must('migrate', 'run');
    await statusWhen(app, 'it is applied', (status) => status.migrations.contract?.state === 'applied');
    assert.deepEqual(await columnsOf(app), ['id', 'price']);
    assert.deepEqual(pidChanges(before, app.pids()), [], 'the same contract replaces nobody');
  });

  await t.test('with a file behind it has to be released first', async () => {
    const before = app.pids();
    await app.write(
      'migrations/V6__gone.sql',
      '-- holdfast: contract\nALTER TABLE orders DROP COLUMN price;\n',
    );
    await app.write('migrations/V7__cost.sql', 'ALTER TABLE orders ADD COLUMN cost INT;\n');
    const up = await app.run(['up', '--detach']);
    assert.equal(up.code, 1);
    assert.match(up.stderr, /V7__cost\.sql comes after the contract V6__gone\.sql/);
    assert.deepEqual(pidChanges(before, app.pids()), []);
    assert.deepEqual(await columnsOf(app), ['id', 'price']);
  });
});

function isAsked(app: AppFolder): boolean {
  return existsSync(join(app.path, 'asked'));
}

async function columnsOf(app: AppFolder): Promise<unknown[]> {
  const rows = await query(
    app,
    "SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'orders' ORDER BY ordinal_position",
  );
  return rows.map(({ name }) => name as unknown);
}
