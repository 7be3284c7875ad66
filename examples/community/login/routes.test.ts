import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createSessions, settingsFrom } from 'holdfast/session';
import type { Hono } from 'hono';
import { openPool } from '../shared/database.ts';
import { newLifecycle, serviceApp } from '../shared/service.ts';
import { signToken } from '../shared/token.ts';
import { loggedIn, type LogIn } from './log-ins.ts';
import { addLoginRoutes } from './routes.ts';
import { WorkQueue } from './work-queue.ts';

const KEY = '0123456789abcdef0123456789abcdef';
const ALICE = 'alice@example.org';

/** One instance with Alice's session `s`, and a pool that is never asked to connect. */
async function instance(
  t: TestContext,
): Promise<{ app: Hono; ask: (method: string, user: string, token?: string) => Promise<Response> }> {
  const app = serviceApp('login-1', newLifecycle(), () => Promise.resolve());
  const sessions = createSessions<readonly LogIn[]>({}, settingsFrom({}));
  t.after(() => sessions.close());
  await sessions.update(ALICE, (logIns) => loggedIn(logIns, { id: 's', calls: 0, since: 0 }));
  const pool = openPool('mysql://nobody:nothing@127.0.0.1:1/none');
  const hashing = new WorkQueue({ running: 1, waiting: 0 });
  addLoginRoutes(app, { instance: 'login-1', tokenKey: KEY, pool, sessions, hashing });
  const ask = async (method: string, user: string, token = tokenOf(ALICE)): Promise<Response> =>
    app.request('/login/session', { method, headers: { 'x-user': user, authorization: `Bearer ${token}` } });
  return { app, ask };
}

function tokenOf(email: string): string {
  return signToken({ email, session: 's', expires: Date.now() + 60_000 }, KEY);
}

test('each look at the session counts one call and renews the token', async (t) => {
  const { ask } = await instance(t);
  for (const calls of [1, 2, 3]) {
    const answer = (await (await ask('GET', ALICE)).json()) as Record<string, unknown>;
    assert.deepEqual([answer['instance'], answer['email'], answer['calls']], ['login-1', ALICE, calls]);
    assert.equal(typeof answer['token'], 'string');
  }
});

test('a session that is not here is 401, and so is one that was ended', async (t) => {
  const { ask } = await instance(t);
  assert.equal((await ask('GET', 'bob@example.org', tokenOf('bob@example.org'))).status, 401);
  assert.equal((await ask('DELETE', ALICE)).status, 204);
  assert.equal((await ask('GET', ALICE)).status, 401);
});

test('a token is good for the user that it names only', async (t) => {
  const { ask } = await instance(t);
  assert.equal((await ask('GET', 'bob@example.org')).status, 400);
  assert.equal((await ask('GET', ALICE, 'false.token')).status, 401);
});

test('log-in and registration say what is wrong before they ask the database', async (t) => {
  const { app } = await instance(t);
  const post = async (path: string, body: Record<string, unknown>): Promise<string> => {
    const request = { method: 'POST', headers: { 'x-user': ALICE }, body: JSON.stringify(body) };
    const answer = await app.request(path, request);
    assert.equal(answer.status, 400);
    return answer.text();
  };
  assert.match(await post('/login/session', { email: 'alice', password: 'x' }), /email must be/);
  assert.match(await post('/login/session', { email: 'bob@example.org', password: 'x' }), /x-user must be/);
  assert.match(await post('/login/session', { email: ALICE }), /password must have/);
  assert.match(await post('/login/register', { email: ALICE, password: 'long enough' }), /name must have/);
  assert.match(
    await post('/login/register', { email: ALICE, name: 'Alice', password: 'short' }),
    /8 or more/,
  );
});
