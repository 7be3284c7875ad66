import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { SessionWatch, type Heard, type Listened } from './session-watch.ts';

const STATE = {
  instance: 'login-1',
  incarnation: 'a',
  epoch: 3,
  frozenFor: 0,
  lacking: [7],
  incomplete: 0,
  alone: 0,
  sessions: 2,
  pending: 0,
};

async function instance(answer: RequestListener): Promise<AsyncDisposable & { listened: Listened }> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    listened: {
      id: 'login-1',
      life: '1',
      url: `http://127.0.0.1:${port}`,
      token: 'secret of the tests',
      newest: 3,
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A clock that a test sets. */
function clock(): { now: () => number; at: number } {
  const time = { at: 0, now: () => time.at };
  return time;
}

async function hear(watch: SessionWatch, listened: Listened): Promise<Heard | undefined> {
  return (await watch.listen([listened])).get(listened.id);
}

test('an instance is asked with its token, and its answer is known', async () => {
  const seen: (string | undefined)[] = [];
  await using one = await instance((request, response) => {
    seen.push(request.headers.authorization);
    response.end(JSON.stringify(STATE));
  });
  const heard = await hear(new SessionWatch(), one.listened);
  assert.deepEqual(heard, { isSilent: false, answer: { ...STATE, unreadable: 0 } });
  assert.deepEqual(seen, ['Bearer secret of the tests']);
});

test('one that does not answer holds nobody up, and is silent after a while', async () => {
  await using one = await instance(() => undefined);
  const time = clock();
  const watch = new SessionWatch(time.now);
  assert.deepEqual(await hear(watch, one.listened), { isSilent: false });
  for (time.at = 1_000; time.at <= 3_000; time.at += 1_000)
    assert.deepEqual(await hear(watch, one.listened), { isSilent: false });
  time.at = 3_001;
  assert.deepEqual(await hear(watch, one.listened), { isSilent: true });
});

test('who was not asked for long is not silent for that', async () => {
  await using one = await instance(() => undefined);
  const time = clock();
  const watch = new SessionWatch(time.now);
  await hear(watch, one.listened);
  time.at = 60_000;
  assert.deepEqual(await hear(watch, one.listened), { isSilent: false });
});

test('a process that was too busy to ask takes nobody for silent whom it has asked once or twice', async () => {
  await using one = await instance(() => undefined);
  const time = clock();
  const watch = new SessionWatch(time.now);
  const silences: (boolean | undefined)[] = [];
  for (time.at = 0; time.at <= 12_500; time.at += 2_500)
    silences.push((await hear(watch, one.listened))?.isSilent);
  assert.deepEqual(silences, [false, false, false, false, true, true]);
});

test('another life of an instance has not said anything yet', async () => {
  let isAnswering = true;
  await using one = await instance((_, response) => {
    if (isAnswering) response.end(JSON.stringify(STATE));
  });
  const watch = new SessionWatch();
  assert.equal((await hear(watch, one.listened))?.answer?.epoch, 3);
  isAnswering = false;
  assert.deepEqual(await hear(watch, { ...one.listened, life: '2' }), { isSilent: false });
});

test('what is no answer of the protocol is none', async () => {
  await using one = await instance((_, response) => void response.end('{"epoch":"three"}'));
  assert.deepEqual(await hear(new SessionWatch(), one.listened), { isSilent: false });
});

test('that nobody listens is known at once', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const watch = new SessionWatch();
  const heard = await watch.listen([
    { id: 'a', life: '1', url: `http://127.0.0.1:${port}`, token: 't', newest: 0 },
  ]);
  assert.deepEqual(heard.get('a'), { isSilent: false, isRefused: true });
});

/** An instance that says `said()` and whose table is of epoch `shown()`. */
function saying(said: () => number, shown: () => number): RequestListener {
  return ({ url }, response) =>
    void response.end(JSON.stringify(url === '/table' ? { epoch: shown() } : { ...STATE, epoch: said() }));
}

test('one that says to know a table that it cannot show is silent until it says the truth', async () => {
  let said = 3;
  await using one = await instance(
    saying(
      () => said,
      () => 4,
    ),
  );
  const time = clock();
  const watch = new SessionWatch(time.now);
  assert.equal((await hear(watch, one.listened))?.answer?.epoch, 3);
  said = 1_003;
  for (time.at = 1_000; time.at <= 3_000; time.at += 1_000)
    assert.equal((await hear(watch, one.listened))?.answer?.epoch, 3);
  time.at = 3_001;
  assert.equal((await hear(watch, one.listened))?.isSilent, true);
  said = 4;
  assert.deepEqual(await hear(watch, one.listened), {
    isSilent: false,
    answer: { ...STATE, epoch: 4, unreadable: 0 },
  });
});

test('one that takes no newer table for long is silent until it has one', async () => {
  let said = 3;
  await using one = await instance(
    saying(
      () => said,
      () => said,
    ),
  );
  const time = clock();
  const watch = new SessionWatch(time.now);
  const isSilentAt = async (at: number, newest: number): Promise<boolean | undefined> => {
    time.at = at;
    return (await hear(watch, { ...one.listened, newest }))?.isSilent;
  };
  for (let at = 0; at <= 20_000; at += 1_000) assert.equal(await isSilentAt(at, 4 + at), false);
  said = 4;
  assert.equal(await isSilentAt(20_001, 50_000), false, 'it has taken one');
  for (let at = 21_000; at <= 40_000; at += 1_000) assert.equal(await isSilentAt(at, 50_000), false);
  assert.equal(await isSilentAt(40_002, 50_000), true);
  said = 50_000;
  assert.equal(await isSilentAt(41_000, 50_000), false);
});
