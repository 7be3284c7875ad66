import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HealthWatch, type HealthReport, type Pace } from './health-watch.ts';

const pace: Pace = { starting: 5, ready: 5, live: 20 };
const health = { ready: '/ready', live: '/live', start: 30_000 };

interface Watched {
  /** What each path answers from now on. */
  answers: { ready: number; live: number };
  /** How often each path was asked. */
  readonly asked: { ready: number; live: number };
  /** How many of the next questions for readiness fail. */
  failNext: number;
  /** How often a change was reported. */
  changes: number;
  readonly watch: HealthWatch;
  until(isSo: (report: HealthReport) => boolean): Promise<void>;
}

async function watched(t: TestContext, answers: Watched['answers']): Promise<Watched> {
  const state = { answers, asked: { ready: 0, live: 0 }, failNext: 0, changes: 0 };
  const server = createServer((request, response) => {
    const path = request.url === '/live' ? 'live' : 'ready';
    state.asked[path] += 1;
    const fails = path === 'ready' && state.failNext > 0;
    if (fails) state.failNext -= 1;
    response.writeHead(fails ? 500 : state.answers[path]).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const watch = new HealthWatch({ host: '127.0.0.1', port }, health, () => (state.changes += 1), pace);
  t.after(() => {
    watch.stop();
    server.close();
  });
  const until: Watched['until'] = async (isSo) => {
    const limit = AbortSignal.timeout(10_000);
    while (!isSo(watch.report)) {
      limit.throwIfAborted();
      await sleep(1);
    }
  };
  return Object.assign(state, { watch, until });
}

test('it is ready as soon as its path answers 2xx, and says until then what was wrong', async (t) => {
  const it = await watched(t, { ready: 503, live: 200 });
  await it.until((report) => report.problem === '/ready answers 503');
  assert.equal(it.watch.report.ready, false);
  it.answers = { ready: 204, live: 200 };
  await it.until((report) => report.ready === true);
  assert.equal(it.watch.report.problem, undefined);
});

test('an instance that does not get ready again is unready, but not hung while it is alive', async (t) => {
  const it = await watched(t, { ready: 200, live: 200 });
  await it.until((report) => report.ready === true);
  it.answers = { ready: 500, live: 200 };
  await it.until((report) => report.ready === false);
  const { ready } = it.asked;
  await it.until(() => it.asked.ready > ready + 10);
  assert.equal(it.watch.report.hung, false);
});

test('an instance whose liveness fails again and again is hung, although it says that it is ready', async (t) => {
  const it = await watched(t, { ready: 200, live: 200 });
  await it.until((report) => report.ready === true);
  it.answers = { ready: 200, live: 500 };
  await it.until((report) => report.hung);
  assert.equal(it.watch.report.ready, true);
});

test('one answer that fails is no verdict', async (t) => {
  const it = await watched(t, { ready: 200, live: 200 });
  await it.until((report) => report.ready === true);
  const { changes } = it;
  const { ready } = it.asked;
  it.failNext = 1;
  await it.until(() => it.asked.ready > ready + 5);
  assert.equal(it.failNext, 0);
  assert.equal(it.changes, changes);
});

test('two answers that fail in a row are one, until it answers again', async (t) => {
  const it = await watched(t, { ready: 200, live: 200 });
  await it.until((report) => report.ready === true);
  const { changes } = it;
  it.failNext = 2;
  await it.until(() => it.changes === changes + 2);
  assert.equal(it.watch.report.ready, true);
});
