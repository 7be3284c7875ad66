/**
 * Somebody else gets a port between the moment when it is free and the moment when the router or the database listens
 * there: the controller is stopped, what listens is killed, and the test listens in its place.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { AppFolder } from '../support/app-folder.ts';
import { eventually, freePort, HOST } from '../support/haproxy.ts';
import { services } from '../support/services.ts';
import { statusWhen } from '../machine-services/support.ts';
import { callAll } from './support.ts';

const file = (port: number): string => `name: app
services:
  counter:
    run: ${JSON.stringify(services.counter)}
    instances: { min: 1 }
router: { port: ${port} }
database: { topology: single, memory: 16Mi }
`;

test('the router gets another port when somebody else has taken its own, which nobody insists on', async () => {
  await using app = await AppFolder.create(file(0));
  await app.must('up', '--detach');
  const before = await app.routerPort();
  await using _ = await takeOver(app, 'router', before);
  const { url } = await statusWhen(app, 'another port', ({ url: found, state }) => {
    return state === 'ready' && found !== null && Number(new URL(found).port) !== before;
  });
  const answers = await callAll(Number(new URL(url ?? '').port), ['ann']);
  assert.equal(answers.size, 1);
});

test('a port of the router that the file asks for is waited for, and who has it is named', async () => {
  const port = await freePort();
  await using app = await AppFolder.create(file(port));
  await app.must('up', '--detach');
  {
    await using _ = await takeOver(app, 'router', port);
    const { router } = await statusWhen(app, 'it fails', ({ state }) => state === 'failing');
    const holder = `HAProxy: exit code 1, port ${port} on ${HOST} is in use by `;
    assert.ok(router.problem?.startsWith(holder) === true, router.problem);
    assert.match(router.problem ?? '', new RegExp(`\\(pid ${process.pid}\\)$`));
    const again = await app.run(['up', '--detach']);
    assert.equal(again.code, 2);
    assert.match(again.stderr, new RegExp(`port ${port} on ${HOST} is in use by .* End that program`));
  }
  await statusWhen(app, 'it listens again', ({ state }) => state === 'ready');
  assert.equal((await callAll(port, ['ann'])).size, 1);
});

test('the database gets another port when somebody else has taken its own, and services are told', async () => {
  await using app = await AppFolder.create(file(0));
  await app.must('up', '--detach');
  const { database, services: before } = await app.status();
  await using _ = await takeOver(app, 'database', Number(database.address?.split(':').at(-1)));
  const after = await statusWhen(app, 'another port', ({ state, database: { address } }) => {
    return state === 'ready' && address !== database.address;
  });
  assert.equal(after.database.state, 'ready');
  assert.notEqual(after.services[0]?.instances[0]?.pid, before[0]?.instances[0]?.pid);
});

/** Kills what was started under `id` and listens on its port, all before the controller can look. */
async function takeOver(app: AppFolder, id: string, port: number): Promise<AsyncDisposable> {
  const controller = app.controllerPid();
  assert.ok(controller !== undefined);
  process.kill(controller, 'SIGSTOP');
  try {
    for (const found of app.processes()) if (found.id === id) process.kill(found.pid, 'SIGKILL');
    const server = createServer((socket) => socket.destroy());
    await eventually(`somebody else has port ${port}`, () => listens(server, port));
    return {
      async [Symbol.asyncDispose]() {
        await new Promise<void>((resolve) => server.close(() => resolve()));
      },
    };
  } finally {
    process.kill(controller, 'SIGCONT');
  }
}

async function listens(server: Server, port: number): Promise<boolean> {
  server.listen({ host: HOST, port, exclusive: true });
  return once(server, 'listening').then(
    () => true,
    () => false,
  );
}
