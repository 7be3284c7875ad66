/** What dies comes back by itself, and nobody notices who was not with it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { RowDataPacket } from 'mysql2/promise';
import type { Explanation } from '../../src/routing/explain.ts';
import { connectToDatabase } from '../machine/support.ts';
import { AppFolder } from '../support/app-folder.ts';
import { eventually } from '../support/haproxy.ts';
import { services } from '../support/services.ts';
import { breaks, CounterLoad } from './counter-load.ts';
import { instanceOf, pidChanges, statusWhen } from './support.ts';

const COUNTERS = `name: app
services:
  login: { run: "${services.counter}", stateful: { key: { header: x-user } } }
  shop: { run: "${services.counter}" }
routes: { /login: login, /: shop }
`;
const USERS = Array.from({ length: 40 }, (_, index) => `user-${index}`);

test('after kill -9 mariadbd comes back with all committed rows, and the services go on', async () => {
  await using app = await AppFolder.create(`${COUNTERS}database: { topology: single }\n`);
  await app.must('up', '--detach');
  const before = app.pids();
  const load = new CounterLoad({
    port: await app.routerPort(),
    users: USERS.slice(0, 4),
    think: 20,
  });
  const connection = await connectToDatabase(app);
  const committed: number[] = [];
  try {
    await connection.query('CREATE TABLE numbers (number INT PRIMARY KEY) ENGINE = InnoDB');
    const writing = (async () => {
      for (let number = 1; ; number++) {
        await connection.query('INSERT INTO numbers VALUES (?)', [number]);
        committed.push(number);
      }
    })();
    await eventually('some rows are committed', () => committed.length >= 50);
    process.kill(before['database'] ?? 0, 'SIGKILL');
    await assert.rejects(writing, 'the connection is cut');
    const back = await statusWhen(app, 'the database is back', ({ database }) => {
      return database.state === 'ready' && database.pid !== before['database'];
    });
    assert.equal(back.database.address?.split(':')[0], '127.0.0.1');
  } finally {
    connection.destroy();
    await load.end();
  }
  const again = await connectToDatabase(app);
  try {
    const [rows] = await again.query<RowDataPacket[]>('SELECT number FROM numbers');
    const found = new Set(rows.map((row) => row['number'] as number));
    assert.deepEqual(
      committed.filter((number) => !found.has(number)),
      [],
    );
  } finally {
    again.destroy();
  }
  assert.deepEqual(load.failed, []);
  assert.deepEqual(pidChanges(before, app.pids()), ['database']);
});

test('what dies behind and in front of the users', async (t) => {
  await using app = await AppFolder.create(COUNTERS);
  await app.must('up', '--detach');
  const port = await app.routerPort();

  await t.test(
    'a killed stateless instance fails only what was in flight at it, and is replaced',
    async () => {
      const { router } = await app.status();
      const load = new CounterLoad({ port, users: USERS });
      let gone = Infinity;
      try {
        await eventually('all are at work', () => load.history.length > 10 * USERS.length);
        gone = await killed(app, 'shop-1');
        const seen = load.history.length;
        await eventually('the new one answers too', () =>
          load.history.slice(seen).some(({ instance }) => instance === 'shop-1'),
        );
      } finally {
        await load.end();
      }
      const late = load.failed.filter(({ began }) => began > gone);
      assert.deepEqual(late, [], 'no request fails that began after its death');
      assert.ok(load.failed.length <= USERS.length);
      assert.equal((await app.status()).router.pid, router.pid, 'the router was not hurt');
    },
  );

  await t.test('killed HAProxy is back on its port, with the same owners', async () => {
    const before = await app.status();
    const load = new CounterLoad({
      port,
      users: USERS,
      path: '/login',
      think: 50,
    });
    try {
      await eventually('all are at work', () => load.history.length > 5 * USERS.length);
      const explained = await explain(app, 'user-1');
      const seen = load.history.length;
      for (const { pid, id } of app.processes()) if (id === 'router') process.kill(pid, 'SIGKILL');
      const back = await statusWhen(app, 'HAProxy is back', ({ router, state }) => {
        return state === 'ready' && router.pid !== before.router.pid;
      });
      assert.equal(back.url, before.url);
      await eventually('everybody is served again', () =>
        USERS.every((user) =>
          load.history.slice(seen).some((call) => call.user === user && call.status === 200),
        ),
      );
      assert.deepEqual(await explain(app, 'user-1'), explained);
    } finally {
      await load.end();
    }
    assert.deepEqual(
      load.failed.filter(({ status }) => status !== 0),
      [],
      'only connections broke',
    );
    for (const user of USERS) assert.deepEqual(breaks(load.of(user)), [], 'every session is where it was');
  });

  await t.test('a killed stateful instance takes its users with it, and no others', async () => {
    const { router } = await app.status();
    const load = new CounterLoad({ port, users: USERS, path: '/login' });
    let gone = Infinity;
    try {
      await eventually('all are at work', () => load.history.length > 10 * USERS.length);
      gone = await killed(app, 'login-1');
      const seen = load.history.length;
      await eventually('everybody is served again', () =>
        USERS.every(
          (user) =>
            load.history.slice(seen).filter((call) => call.user === user && call.status === 200).length > 5,
        ),
      );
      const back = await statusWhen(app, 'login-1 is back', (status) => status.state === 'ready');
      assert.equal(back.router.pid, router.pid, 'the router was not hurt');
    } finally {
      await load.end();
    }
    const homes = new Map(
      load.history.slice(0, 5 * USERS.length).map(({ user, instance }) => [user, instance]),
    );
    const [others, lost] = [
      USERS.filter((u) => homes.get(u) === 'login-2'),
      USERS.filter((u) => homes.get(u) === 'login-1'),
    ];
    assert.ok(others.length > 0 && lost.length > 0);
    for (const user of others) {
      assert.deepEqual(breaks(load.of(user)), []);
      assert.deepEqual(
        load.of(user).filter(({ status }) => status !== 200),
        [],
      );
    }
    for (const user of lost) {
      const after = load.of(user).filter(({ began }) => began > gone);
      const refused = after.filter(({ status }) => status !== 200);
      assert.deepEqual(
        refused.filter(({ status, retryAfter }) => status !== 503 || retryAfter !== '1'),
        [],
      );
      assert.deepEqual(breaks(after).length, 0, 'whose new session is not lost again');
    }
  });
});

/** Kills an instance. @returns when nobody listened in its place any more; ms since the epoch */
async function killed(app: AppFolder, id: string): Promise<number> {
  const { pid, address } = instanceOf(await app.status(), id);
  assert.ok(pid);
  process.kill(pid, 'SIGKILL');
  // Its sockets are closed when its last thread has ended, which may be later than the pid says.
  await eventually(`${id} is gone`, () => isRefused(address));
  return Date.now();
}

async function isRefused(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  const socket = connect({ host, port: Number(port) });
  try {
    await once(socket, 'connect');
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}

async function explain(app: AppFolder, user: string): Promise<Explanation> {
  return JSON.parse((await app.must('explain', user, '--json')).stdout) as Explanation;
}
