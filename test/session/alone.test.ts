/** The store and the guard of one instance, without others and with another format, on a real server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { UserError } from '../../src/app/failure.ts';
import {
  createSessions,
  type SessionHandler,
  type SessionOptions,
  type Sessions,
} from '../../src/session/sessions.ts';
import { settingsFrom } from '../../src/session/settings.ts';
import { slotOf } from '../../src/session/slot.ts';
import { SessionUnavailableError } from '../../src/session/unavailable.ts';
import { encoded, nextTable, NO_TABLE, type TestTable } from './support/table.ts';

const TOKEN = 'a token of the tests, long enough';

function alone<Value>(t: TestContext): Sessions<Value> {
  const sessions = createSessions<Value>({}, settingsFrom({}));
  t.after(() => sessions.close());
  return sessions;
}

async function serving<Value>(
  t: TestContext,
  sessions: Sessions<Value>,
  handler: SessionHandler<Value>,
): Promise<string> {
  const server = createServer(sessions.serve(handler)).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Taking<Value> {
  readonly sessions: Sessions<Value>;
  readonly url: string;
  readonly incarnation: string;
  readonly send: (method: string, path: string, body?: string) => Promise<Response>;
}

/** An instance that takes part. */
async function taking<Value>(
  t: TestContext,
  id: string,
  options: SessionOptions<Value> = {},
): Promise<Taking<Value>> {
  const { key, idleMs, drainMs } = settingsFrom({});
  const participation = { port: 0, host: '127.0.0.1', token: TOKEN, instance: id };
  const sessions = createSessions(options, { key, idleMs, drainMs, participation });
  t.after(() => sessions.close());
  await sessions.ready;
  const url = `http://127.0.0.1:${String(sessions.port)}`;
  const send = (method: string, path: string, body?: string): Promise<Response> =>
    fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}` },
      signal: AbortSignal.timeout(20_000),
      ...(body === undefined ? {} : { body }),
    });
  const { incarnation } = (await (await send('GET', '/state')).json()) as { readonly incarnation: string };
  return { sessions, url, incarnation, send };
}

/** The next table, in which one of some instances owns everything and has no second owner. */
function owning(before: TestTable, owner: string, among: readonly Taking<unknown>[]): TestTable {
  const members = among.map(({ url, incarnation }) => ({ id: incarnation, incarnation, url, http: url }));
  return nextTable(before, members, { seat: () => ({ owner, second: undefined }) });
}

async function tell(table: TestTable, among: readonly Taking<unknown>[]): Promise<void> {
  for (const { send } of among) {
    assert.equal((await send('PUT', '/table', JSON.stringify(encoded(table)))).status, 200);
  }
}

test('a session is what was set, and a copy each time', async (t) => {
  const sessions = alone<{ items: number[] }>(t);
  assert.equal(await sessions.get('ann'), undefined);
  const value = { items: [1] };
  await sessions.set('ann', value);
  value.items.push(2);
  const read = await sessions.get('ann');
  read?.items.push(3);
  assert.deepEqual(await sessions.get('ann'), { items: [1] });
  const changed = await sessions.update('ann', (before) => ({ items: [...(before?.items ?? []), 4] }));
  assert.deepEqual(changed, { items: [1, 4] });
  await sessions.update('ann', () => undefined);
  assert.equal(await sessions.get('ann'), undefined);
  await sessions.set('ann', value);
  await sessions.delete('ann');
  assert.equal(await sessions.get('ann'), undefined);
});

test('users may have any name', async (t) => {
  const sessions = alone<string>(t);
  for (const user of ['__proto__', 'constructor', 'Zoë 🐟', '\n', 'x'.repeat(8192)]) {
    assert.equal(await sessions.get(user), undefined);
    await sessions.set(user, user);
    assert.equal(await sessions.get(user), user);
  }
});

test('what is not JSON, too long or async is refused, and changes nothing', async (t) => {
  const sessions = alone<unknown>(t);
  await sessions.set('ann', 1);
  await assert.rejects(sessions.set('ann', undefined), UserError);
  await assert.rejects(
    sessions.set('ann', () => 1),
    UserError,
  );
  await assert.rejects(sessions.set('ann', 'x'.repeat(9 * 1024 * 1024)), UserError);
  await assert.rejects(
    sessions.update('ann', async () => Promise.resolve(2)),
    UserError,
  );
  await assert.rejects(
    sessions.update('ann', () => {
      throw new Error('no');
    }),
    /no/,
  );
  assert.equal(await sessions.get('ann'), 1);
});

test('a handler gets the session of its user; one that names none is run without', async (t) => {
  const sessions = alone<number>(t);
  const url = await serving(t, sessions, async (_, response, session) => {
    response.end(session === undefined ? 'nobody' : String(await session.update((n = 0) => n + 1)));
  });
  const ask = async (user?: string): Promise<string> =>
    (await fetch(url, user === undefined ? {} : { headers: { 'x-user': user } })).text();
  assert.deepEqual(
    [await ask('ann'), await ask('ann'), await ask('bob'), await ask()],
    ['1', '2', '1', 'nobody'],
  );
});

test('10 MB of sessions are handed over in one go', async (t) => {
  const [one, two] = [await taking<string>(t, 'one'), await taking<string>(t, 'two')];
  const first = owning(NO_TABLE, one.incarnation, [one, two]);
  await tell(first, [one, two]);
  const users = Array.from({ length: 20 }, (_, n) => `user-${n}`);
  for (const user of users) await one.sessions.set(user, user + 'x'.repeat(512 * 1024));
  const slots = [...new Set(users.map(slotOf))];
  const to = { incarnation: two.incarnation, url: two.url };
  const answer = await one.send('POST', '/hand-over', JSON.stringify({ epoch: 2, slots, to }));
  assert.deepEqual(await answer.json(), { epoch: 2, slots, sessions: 20 });
  await tell(owning(first, two.incarnation, [one, two]), [one, two]);
  for (const user of users) assert.equal((await two.sessions.get(user))?.length, user.length + 512 * 1024);
  await assert.rejects(one.sessions.get('user-1'), SessionUnavailableError);
});

test('an older format is upgraded when it is handed over, a newer one is kept and answered with 503', async (t) => {
  const upgrade = (value: unknown, from: number): string => `${String(value)} of ${from}`;
  const old = await taking<string>(t, 'old');
  const young = await taking<string>(t, 'young', { formatVersion: 2, upgrade });
  const both = [old, young];
  const slots = [slotOf('ann')];
  const hand = async (from: Taking<string>, to: Taking<string>, before: TestTable): Promise<TestTable> => {
    const body = { epoch: before.epoch + 1, slots, to: { incarnation: to.incarnation, url: to.url } };
    const answer = await from.send('POST', '/hand-over', JSON.stringify(body));
    assert.deepEqual(((await answer.json()) as { slots: number[] }).slots, slots);
    const next = owning(before, to.incarnation, both);
    await tell(next, both);
    return next;
  };
  const first = owning(NO_TABLE, old.incarnation, both);
  await tell(first, both);
  await old.sessions.set('ann', 'ann');
  const second = await hand(old, young, first);
  assert.equal(await young.sessions.get('ann'), 'ann of 1');
  await hand(young, old, second);
  await assert.rejects(old.sessions.get('ann'), SessionUnavailableError);
  assert.equal(((await (await old.send('GET', '/state')).json()) as { unreadable: number }).unreadable, 1);
  const url = await serving(t, old.sessions, () => assert.fail('it must not be run'));
  assert.equal((await fetch(url, { headers: { 'x-user': 'ann' } })).status, 503);
});

test('a version that cannot read the old format refuses it before anything moves', async (t) => {
  const upgrade = (): string => {
    throw new Error('it is too old');
  };
  const old = await taking<string>(t, 'old');
  const young = await taking<string>(t, 'young', { formatVersion: 2, upgrade });
  const first = owning(NO_TABLE, old.incarnation, [old, young]);
  await tell(first, [old, young]);
  await old.sessions.set('ann', 'ann');
  const to = { incarnation: young.incarnation, url: young.url };
  const body = JSON.stringify({ epoch: 2, slots: [slotOf('ann')], to });
  assert.deepEqual(await (await old.send('POST', '/hand-over', body)).json(), {
    epoch: 2,
    slots: [],
    sessions: 0,
  });
  await tell(owning(first, old.incarnation, [old, young]), [old, young]);
  assert.equal(await old.sessions.get('ann'), 'ann');
});

test('a store that cannot be reached is answered with 503 if the handler lets the failure through', async (t) => {
  const one = await taking<number>(t, 'one');
  await tell(owning(NO_TABLE, one.incarnation, [one]), [one]);
  const url = await serving(t, one.sessions, async () => {
    throw new SessionUnavailableError('not now');
  });
  const answer = await fetch(url, { headers: { 'x-user': 'ann' } });
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1']);
});
