/**
 * Users whose pins differ from the owner table, at full speed, while the router reloads: the new worker takes
 * requests before it has been taught the pins. The same without waiting for them shows that the test can fail.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendSpec } from '../../src/routing/router-spec.ts';
import { infoField } from '../../src/routing/runtime-replies.ts';
import { alike } from '../../src/routing/tables/member.ts';
import { steadyTable } from '../../src/routing/tables/steady.ts';
import { PINS_KNOWN, WAIT_FOR_PINS } from '../../src/routing/wait-for-pins.ts';
import { eventually, HOST, TestInstance, TestRouter } from '../support/haproxy.ts';
import type { Layout } from '../support/haproxy.ts';
import { askAs, Load } from './load.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

const RELOADS = 10;
/** All together they take longer than HAProxy needs to empty its table, which it looks at each second; ms. */
const ONE_AFTER_THE_OTHER = 20;
const RELOADS_WITHIN_MS = 2_000;
const names = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${what}-${n}`);
const KEPT = names('kept', 150);
const RECONNECTING = names('reconnecting', 150);
/** Users who ask nothing more: they make the lesson longer. */
const SILENT = names('silent', 3_000);

const before = steadyTable(undefined, 'login', alike(['login-1']));
const moved = steadyTable(before, 'login', alike(['login-2']));

/** A router that has everybody pinned to `login-1` while its table names `login-2`. */
class MovedRouter {
  readonly router: TestRouter;
  readonly #layout: Layout;
  #generation = 0;

  private constructor(router: TestRouter, layout: Layout) {
    this.router = router;
    this.#layout = layout;
  }

  static async start(change = (config: string): string => config): Promise<MovedRouter> {
    const servers = await Promise.all(['login-1', 'login-2'].map((name) => new TestInstance(name).start()));
    for (const server of servers) resources.defer(() => server.crash());
    const router = await TestRouter.create();
    resources.defer(() => router.close());
    // The instances are in this process, which may answer late while it makes the load.
    router.change = (config) => change(config).replace('timeout check 2s', 'timeout check 1m');
    const login: BackendSpec = {
      service: 'login',
      readyPath: '/ready',
      stateful: { key: { kind: 'header', name: 'x-user' }, idleMs: 600_000 },
      servers: servers.map(({ name, port }, n) => ({ name, id: n + 1, host: HOST, port, state: 'ready' })),
    };
    const layout = { routes: [{ path: '/', service: 'login' }], backends: [login] };
    await router.writeFiles(layout, '0', [before]);
    await router.start('0');
    const users = [...KEPT, ...RECONNECTING, ...SILENT];
    const agent = new Agent({ keepAlive: true });
    while (users.length > 0)
      await Promise.all(users.splice(0, 50).map((user) => askAs(router.port, user, { agent })));
    agent.destroy();
    await router.router.publishTable(moved);
    await eventually('a reload keeps pins', () => router.router.pinsSurviveReload());
    return new MovedRouter(router, layout);
  }

  load(): readonly Load[] {
    const { port } = this.router;
    const loads = [new Load(port, KEPT), new Load(port, RECONNECTING, false)];
    for (const load of loads) resources.defer(() => load.end());
    return loads;
  }

  async reload(): Promise<void> {
    const generation = String((this.#generation += 1));
    await this.router.writeFiles(this.#layout, generation, [moved]);
    await this.router.reload(generation);
    await eventually('a reload keeps pins', () => this.router.router.pinsSurviveReload());
  }

  /**
   * Asks as these users while a reload's old worker stands still before it has taught its pins, as on a machine
   * that is busy. Who answers, or with what status.
   */
  async askOfUntaught(users: readonly string[]): Promise<string[]> {
    for (;;) {
      using teacher = await this.#reloadWithTeacherStopped();
      // It has been quicker than this test.
      if ((await this.router.router.pinCount('login', 1)) > 0) continue;
      const answers = users.map((user) => askAs(this.router.port, user));
      await eventually('all have come', async () => {
        const info = await this.router.runtime.ask('show info');
        return Number(infoField(info, 'CumConns')) > users.length;
      });
      teacher.dispose();
      return (await Promise.all(answers)).map(({ status, body }) => (status === 200 ? body : String(status)));
    }
  }

  /** The old worker goes on when what is returned is disposed of. */
  async #reloadWithTeacherStopped(): Promise<DisposableStack> {
    await eventually('a reload keeps pins', () => this.router.router.pinsSurviveReload());
    const generation = String((this.#generation += 1));
    await this.router.writeFiles(this.#layout, generation, [moved]);
    const [teacher] = this.#workers();
    assert.ok(teacher !== undefined);
    process.kill(this.router.pid, 'SIGUSR2');
    const limit = performance.now() + RELOADS_WITHIN_MS;
    // Without leaving this loop for anything else: it is a matter of milliseconds.
    while (this.#workers().length < 2 && performance.now() < limit);
    const stopped = new DisposableStack();
    if (signal(teacher, 'SIGSTOP')) stopped.defer(() => void signal(teacher, 'SIGCONT'));
    await eventually(`${generation} is in force`, () => this.router.isInForce(generation));
    return stopped;
  }

  /** Reloads, and then asks as one of these users after the other, each on a connection made before. Who answers. */
  async askLaterOnKept(users: readonly string[]): Promise<Set<string>> {
    const { port } = this.router;
    const clients = users.map((user) => ({ user, agent: new Agent({ keepAlive: true, maxSockets: 1 }) }));
    await Promise.all(clients.map(({ user, agent }) => askAs(port, user, { agent })));
    await this.reload();
    const answered = new Set<string>();
    for (const { user, agent } of clients) {
      answered.add((await askAs(port, user, { agent })).body);
      agent.destroy();
      await sleep(ONE_AFTER_THE_OTHER);
    }
    return answered;
  }

  #workers(): number[] {
    const { pid } = this.router;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  }
}

/** False when it has ended. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

const wrong = (loads: readonly Load[]): string[] =>
  loads.flatMap(({ served }) => [...served].filter(([, by]) => by.includes('login-2')).map(([user]) => user));

async function goesOn(loads: readonly Load[]): Promise<void> {
  const answered = loads.map((load) => load.answered);
  await eventually('load goes on', () => loads.every((load, n) => load.answered > (answered[n] ?? 0) + 20));
}

test('reloads under load send no pinned user to another instance, and fail no request', async () => {
  const moved = await MovedRouter.start();
  const loads = moved.load();
  for (let n = 0; n < RELOADS; n += 1) {
    await goesOn(loads);
    await moved.reload();
  }
  await goesOn(loads);
  for (const load of loads) await load.end();
  assert.deepEqual(wrong(loads), []);
  const failures = loads.flatMap(({ failures }) => failures);
  assert.equal(failures.length, 0, `${failures[0]}; HAProxy said: ${moved.router.log}`);
  assert.equal((await askAs(moved.router.port, 'somebody new')).body, 'login-2');
});

test('users wait for a worker that teaches late, and go to their instance then', async () => {
  const moved = await MovedRouter.start();
  assert.deepEqual(new Set(await moved.askOfUntaught(KEPT)), new Set(['login-1']));
});

test('users who have kept a connection to the worker before stay where they are, whenever they ask', async () => {
  const moved = await MovedRouter.start();
  assert.deepEqual(await moved.askLaterOnKept(KEPT), new Set(['login-1']));
});

test('if a worker that stops went by its table, such users would go to another instance', async () => {
  const moved = await MovedRouter.start((config) => config.replaceAll('{ stopping }', '{ always_false }'));
  assert.ok((await moved.askLaterOnKept(KEPT)).has('login-2'));
});

test('without waiting for the pins, such users go to another instance', async () => {
  const moved = await MovedRouter.start((config) =>
    config
      .replace(new RegExp(`^ *http-request ${WAIT_FOR_PINS}.*$`, 'm'), '')
      .replaceAll(` ${PINS_KNOWN}`, ''),
  );
  assert.deepEqual(new Set(await moved.askOfUntaught(KEPT)), new Set(['login-2']));
});
