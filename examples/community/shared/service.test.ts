import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { HTTPException } from 'hono/http-exception';
import { jsonBody, newLifecycle, serviceApp } from './service.ts';

const READY = (): Promise<void> => Promise.resolve();

test('every answer names the instance, also an error', async () => {
  const app = serviceApp('login-1', newLifecycle(), READY);
  for (const path of ['/live', '/ready', '/nowhere']) {
    assert.equal((await app.request(path)).headers.get('x-instance'), 'login-1', path);
  }
});

test('an instance that cannot take users says why, and lives', async () => {
  const app = serviceApp('login-1', newLifecycle(), () => Promise.reject(new Error('no database')));
  const ready = await app.request('/ready');
  assert.equal(ready.status, 503);
  assert.equal(await ready.text(), 'not ready: no database');
  assert.equal((await app.request('/live')).status, 200);
});

test('an ending instance is not ready, goes on serving, and asks for the connection to be closed', async () => {
  const lifecycle = newLifecycle();
  const app = serviceApp('login-1', lifecycle, READY);
  app.get('/work', (c) => c.text('done'));
  assert.equal((await app.request('/work')).headers.get('connection'), null);
  lifecycle.ending = true;
  assert.equal((await app.request('/ready')).status, 503);
  const answer = await app.request('/work');
  assert.equal(await answer.text(), 'done');
  assert.equal(answer.headers.get('connection'), 'close');
});

test('only requests of users put the end off, health checks do not', async () => {
  const lifecycle = newLifecycle();
  const app = serviceApp('login-1', lifecycle, READY);
  await app.request('/ready');
  await app.request('/live');
  assert.equal(lifecycle.lastRequest, 0);
  await app.request('/work');
  assert.notEqual(lifecycle.lastRequest, 0);
});

test('503 says when to try again', async () => {
  const app = serviceApp('login-1', newLifecycle(), READY);
  app.get('/full', () => {
    throw new HTTPException(503, { message: 'full' });
  });
  const answer = await app.request('/full');
  assert.equal(answer.headers.get('retry-after'), '1');
  assert.deepEqual(await answer.json(), { error: 'full', instance: 'login-1' });
});

test('a body that is no JSON object is refused, and so is a large one', async () => {
  const app = serviceApp('login-1', newLifecycle(), READY);
  app.post('/echo', async (c) => c.json(await jsonBody(c.req)));
  const post = async (body: string): Promise<number> =>
    (await app.request('/echo', { method: 'POST', body })).status;
  assert.equal(await post('{"a":1}'), 200);
  for (const body of ['', 'x', '7', 'null']) assert.equal(await post(body), 400, body);
  assert.equal(await post(JSON.stringify({ a: 'x'.repeat(20_000) })), 413);
});

test(
  'a service asked to end finishes the request in flight and then exits by itself',
  { timeout: 30_000 },
  async (t) => {
    const program = `
    import { newLifecycle, serveUntilSignal, serviceApp } from './service.ts';
    const lifecycle = newLifecycle();
    const app = serviceApp('test-1', lifecycle, async () => {});
    const gate = Promise.withResolvers();
    app.get('/slow', async (c) => { process.send('begun'); await gate.promise; return c.text('finished'); });
    process.once('message', () => gate.resolve());
    process.channel.unref();
    const settings = { host: '127.0.0.1', port: Number(process.env.PORT), instance: 'test-1' };
    await serveUntilSignal(app, settings, lifecycle);
    process.disconnect();
  `;
    const port = await freePort();
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: import.meta.dirname,
      env: { ...process.env, PORT: String(port) },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    t.after(() => child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    assert.ok(child.stdout);
    await once(child.stdout, 'data');
    const url = `http://127.0.0.1:${port}`;
    const begun = once(child, 'message');
    const slow = fetch(`${url}/slow`);
    await begun;
    child.kill('SIGTERM');
    while ((await fetch(`${url}/ready`)).status !== 503);
    child.send('finish');
    assert.equal(await (await slow).text(), 'finished');
    assert.deepEqual(await exited, [0, null]);
  },
);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
