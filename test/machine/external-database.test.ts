/** A server of the user's own: migrated and handed to the services, and otherwise left alone. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2';
import { connectionOptions } from '../../src/database/connection-url.ts';
import { AppFolder } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { startMariadb, type TestServer } from '../support/mariadb.ts';
import { services } from '../support/services.ts';

const file = `name: app
services:
  pages:
    run: ${JSON.stringify(`GREETING="$DATABASE_URL" ${services.counter}`)}
database: { topology: external, url: { from: MY_DATABASE } }
migrations: {}
`;
const files = {
  'migrations/V1__entry.sql': 'CREATE TABLE entry (n INT PRIMARY KEY);\nINSERT INTO entry VALUES (7);\n',
};

let server: TestServer;
let app: AppFolder;

before(async () => {
  server = await startMariadb();
  app = await AppFolder.create(file, { files, env: { MY_DATABASE: server.url() } });
});
after(async () => {
  await app.dispose();
  await server.close();
});

test('its URL must be there: otherwise the variable is named and nothing is started', async () => {
  const without = await AppFolder.create(file.replace('MY_DATABASE', 'NOT_SET_ANYWHERE'), { files });
  try {
    const { code, stderr } = await without.run(['up', '--detach']);
    assert.equal(code, 2);
    assert.match(stderr, /NOT_SET_ANYWHERE/);
    assert.deepEqual(without.pids(), {});
  } finally {
    await without.dispose();
  }
});

test('migrations are applied to it, services get its URL, and nothing shows the password', async () => {
  const up = await app.must('up', '--detach', '--json');
  const connection = await createConnection(connectionOptions(server.url()));
  const [rows] = await connection.query<RowDataPacket[]>('SELECT n FROM entry');
  await connection.end();
  assert.deepEqual(
    rows.map((row) => row['n'] as unknown),
    [7],
  );
  const answer = await fetch(`http://127.0.0.1:${await app.routerPort()}/`);
  assert.equal(((await answer.json()) as { greeting: string }).greeting, server.url());
  const status = await app.status();
  assert.equal(status.database.topology, 'external');
  assert.equal(status.database.state, 'ready');
  assert.equal(status.migrations.applied, 1);
  const { password } = new URL(server.url());
  const shown = [up, await app.run(['status']), await app.run(['logs', 'controller'])];
  assert.ok(shown.every(({ stdout, stderr }) => !`${stdout}${stderr}`.includes(password)));
});

test('while it is away the services run on, and the status says why it waits', async () => {
  const { services: before } = await app.status();
  await server.kill();
  await eventually('the database is away', async () => (await app.status()).database.state !== 'ready');
  const away = await app.status();
  assert.match(away.database.problem ?? '', /ECONNREFUSED|closed|lost/);
  const pids = (list: typeof before): unknown =>
    list.map((s) => s.instances.map((i) => [i.id, i.pid, i.state]));
  assert.deepEqual(pids(away.services), pids(before));
  await server.start();
  await eventually('all is ready again', async () => (await app.status()).state === 'ready');
});

test('it is left running at the end', async () => {
  await app.must('down');
  const connection = await createConnection(connectionOptions(server.url()));
  await connection.query('SELECT 1');
  await connection.end();
});
