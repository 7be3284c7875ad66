/** Answers that may not go out any more, from handlers of several kinds, on a real server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, ServerResponse, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { holdAnswer } from '../../src/session/held-answer.ts';
import type { MayAnswer } from '../../src/session/keeper.ts';

type Handler = (response: ServerResponse, request: IncomingMessage) => void;

async function answerOf(
  handler: Handler,
  mayAnswer: () => MayAnswer,
  decided: () => Promise<'yes' | 'no'> = () => Promise.reject(new Error('nobody has to wait')),
): Promise<{ status: number; body: string; type: string }> {
  let streams = 0;
  const server = createServer((request, response) => {
    holdAnswer(response, { mayAnswer, decided, onEventStream: () => (streams += 1) });
    handler(response, request);
  }).listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return {
      status: answer.status,
      body: await answer.text(),
      type: `${String(answer.headers.get('content-type'))} ${streams}`,
    };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  'ends with the body': (response) => response.setHeader('x-secret', 'old').end('old'),
  'writes the head, then the body': (response) => response.writeHead(200, { 'content-length': 3 }).end('old'),
  'writes in parts': (response) => {
    response.write('o');
    response.write('l');
    response.end('d');
  },
  'sends the head at once': (response) => {
    response.flushHeaders();
    response.end('old');
  },
  'has another prototype': (response) => {
    Object.setPrototypeOf(response, Object.create(ServerResponse.prototype) as object);
    response.end('old');
  },
};

/** A right that has lapsed, and what becomes of it when a later turn of the event loop comes. */
function lapsed(becomes: 'yes' | 'no'): [() => MayAnswer, () => Promise<'yes' | 'no'>] {
  let may: MayAnswer = 'wait';
  return [
    () => may,
    async () => {
      await setImmediate();
      may = becomes;
      return becomes;
    },
  ];
}

for (const [name, handler] of Object.entries(HANDLERS)) {
  test(`a handler that ${name} answers as ever while it may, or may again, and 503 when it may not`, async () => {
    const answer = { status: 200, body: 'old', type: 'null 0' };
    assert.deepEqual(await answerOf(handler, () => 'yes'), answer);
    assert.deepEqual(await answerOf(handler, ...lapsed('yes')), answer);
    for (const refused of [await answerOf(handler, () => 'no'), await answerOf(handler, ...lapsed('no'))]) {
      assert.equal(refused.status, 503);
      assert.doesNotMatch(refused.body, /old/);
    }
  });
}

test('an answer that is piped goes on when its right comes again in between', async () => {
  const parts = Array.from({ length: 20 }, (_, n) => `${n};`.repeat(10_000));
  let asked = 0;
  let waits = 0;
  const handler: Handler = (response) => void Readable.from(parts).pipe(response);
  const { body } = await answerOf(
    handler,
    () => ((asked += 1) % 5 === 3 ? 'wait' : 'yes'),
    async () => {
      waits += 1;
      await setImmediate();
      return 'yes';
    },
  );
  assert.equal(body, parts.join(''));
  assert.ok(waits > 2, `${waits} waits`);
});

test('an answer that waits has begun for whoever looks', async () => {
  let hadBegun: unknown;
  const handler: Handler = (response) => {
    response.writeHead(204).end();
    hadBegun = response.headersSent;
  };
  assert.equal((await answerOf(handler, ...lapsed('yes'))).status, 204);
  assert.equal(hadBegun, true);
});

test('an answer that is begun twice while it waits is the first one, or cut off where that had no end', async () => {
  const complete: Handler = (response) => {
    response.end('one');
    response.writeHead(500).end('two');
  };
  assert.equal((await answerOf(complete, ...lapsed('yes'))).body, 'one');
  const incomplete: Handler = (response) => {
    response.write('one');
    response.writeHead(500).end('two');
  };
  await assert.rejects(answerOf(incomplete, ...lapsed('yes')));
});

test('an answer that has begun and may not go on is cut off', async () => {
  let asked = 0;
  const handler: Handler = (response) => {
    response.writeHead(200, { 'content-length': 6 });
    response.write('old');
    response.end('old');
  };
  await assert.rejects(answerOf(handler, () => ((asked += 1) < 3 ? 'yes' : 'no')));
});

test('a stream of events is known by its type, wherever that is set', async () => {
  const type = 'text/event-stream';
  for (const handler of [
    (response) => response.setHeader('Content-Type', type).end(),
    (response) => response.writeHead(200, { 'Content-Type': type }).end(),
  ] satisfies Handler[]) {
    assert.equal((await answerOf(handler, () => 'yes')).type, `${type} 1`);
  }
});
