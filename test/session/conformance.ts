/**
 * Checks that an implementation of docs/hand-over.md, in any language, does what it says. The suite plays the controller
 * and the other instance; the implementation runs a service whose users have a list of numbers under the header `x-user`:
 * `POST /append?n=1` adds one and answers the list in JSON, `GET /list` answers it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slotOf } from '../../src/session/slot.ts';
import type { Member } from '../../src/session/told-table.ts';
import { FakeInstance } from './support/fake-instance.ts';
import { encoded, nextTable, NO_TABLE, type TestSeat, type TestTable } from './support/table.ts';

/** A running implementation, with nothing told to it yet. */
export interface Target extends AsyncDisposable {
  /** Its interface for controller and instances. */
  readonly url: string;
  /** Where it serves users. */
  readonly http: string;
  readonly token: string;
  /** Its own id. */
  readonly id: string;
}

const ANSWER_MS = 15_000;
const USER = 'ann';
const SLOT = slotOf(USER);
/** Of the protocol; ms. */
const PROMISE = 2000;

class Controller {
  readonly #target: Target;
  readonly #members: readonly Member[];
  table: TestTable = NO_TABLE;

  constructor(target: Target, members: readonly Member[]) {
    this.#target = target;
    this.#members = members;
  }

  /** Publishes the next table, in which all slots have these members, and tells it. */
  async publish(seat: TestSeat, gone: readonly string[] = []): Promise<Response> {
    this.table = nextTable(this.table, this.#members, { gone, seat: () => seat });
    return this.tell(this.table);
  }

  /** Publishes a table and tells nobody. */
  miss(seat: TestSeat): void {
    this.table = nextTable(this.table, this.#members, { seat: () => seat });
  }

  tell(table: TestTable): Promise<Response> {
    return send(this.#target, 'PUT', '/table', JSON.stringify(encoded(table)));
  }
}

interface Stage {
  readonly target: Target;
  readonly peer: FakeInstance;
  readonly controller: Controller;
  /** Incarnations. */
  readonly self: string;
  readonly other: string;
}

function send(target: Target, method: string, path: string, body?: string): Promise<Response> {
  const headers = { authorization: `Bearer ${target.token}` };
  const signal = AbortSignal.timeout(ANSWER_MS);
  return fetch(`${target.url}${path}`, { method, headers, signal, ...(body === undefined ? {} : { body }) });
}

async function state(target: Target): Promise<Record<string, unknown>> {
  return (await (await send(target, 'GET', '/state')).json()) as Record<string, unknown>;
}

function ask(target: Target, method: 'GET' | 'POST', path: string, user = USER): Promise<Response> {
  const headers = { 'x-user': user };
  return fetch(`${target.http}${path}`, { method, headers, signal: AbortSignal.timeout(ANSWER_MS) });
}

function lines(...values: readonly object[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

function session(value: readonly number[]): object {
  return { slot: SLOT, key: USER, formatVersion: 1, unused: 0, value };
}

/** Whether something has happened by the time that a request to the target has made its way. */
async function isPending(target: Target, promise: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  const over = (): void => void (isOver = true);
  promise.then(over, over);
  for (let n = 0; n < 5; n += 1) await state(target);
  return !isOver;
}

/** @param start starts the implementation anew, for each check */
export function checkConformance(name: string, start: () => Promise<Target>): void {
  const check = (what: string, run: (stage: Stage) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      await using target = await start();
      await using peer = await FakeInstance.start(target.token);
      const { incarnation } = (await state(target)) as { readonly incarnation: string };
      const member = { id: target.id, incarnation, url: target.url, http: target.http };
      const controller = new Controller(target, [member, peer.member]);
      const other = peer.member.incarnation;
      await run({ target, peer, controller, self: incarnation, other });
    });
  };

  check('whoever has no token gets 401', async ({ target }) => {
    const paths = ['/table', '/state', '/copy', '/import', '/hand-over'];
    for (const path of paths) assert.equal((await fetch(`${target.url}${path}`)).status, 401, path);
  });

  check(
    'a newer table is taken, the same again, an older one never',
    async ({ target, controller, self }) => {
      assert.equal((await send(target, 'GET', '/table')).status, 404);
      await controller.publish({ owner: self, second: undefined });
      const first = controller.table;
      assert.deepEqual(await (await controller.publish({ owner: self, second: undefined })).json(), {
        epoch: 2,
      });
      assert.equal((await controller.tell(controller.table)).status, 200);
      const older = await controller.tell(first);
      assert.equal(older.status, 409);
      assert.deepEqual(await older.json(), { epoch: 2 });
      assert.deepEqual(await (await send(target, 'GET', '/table')).json(), encoded(controller.table));
      const { epoch, owned, alone } = await state(target);
      assert.deepEqual({ epoch, owned, alone }, { epoch: 2, owned: 65_537, alone: 65_537 });
    },
  );

  check(
    'a table that means another incarnation of its id does not mean it',
    async ({ target, controller }) => {
      await controller.publish({ owner: 'an earlier life', second: undefined });
      assert.equal((await state(target))['owned'], 0);
      assert.equal((await ask(target, 'GET', '/list')).status, 503);
    },
  );

  check('an import without its end is not kept', async ({ target, controller, self, other }) => {
    await controller.publish({ owner: other, second: undefined });
    const head = { from: other, to: self, epoch: 2, slots: [SLOT] };
    const post = async (...body: object[]): Promise<number> =>
      (await send(target, 'POST', '/import', lines(...body))).status;
    assert.equal(await post(head, session([1])), 400);
    assert.equal(await post(head, session([1]), { end: true, sessions: 2 }), 400);
    assert.equal(await post({ ...head, to: 'another' }, { end: true, sessions: 0 }), 410);
    assert.equal(await post({ ...head, epoch: 1 }, { end: true, sessions: 0 }), 409);
    await controller.publish({ owner: self, second: undefined }, [other]);
    assert.deepEqual(await (await ask(target, 'GET', '/list')).json(), []);
  });

  check(
    'what was imported is served under the table that says so',
    async ({ target, controller, self, other }) => {
      await controller.publish({ owner: other, second: undefined });
      const body = lines({ from: other, to: self, epoch: 2, slots: [SLOT] }, session([1, 2]), {
        end: true,
        sessions: 1,
      });
      assert.deepEqual(await (await send(target, 'POST', '/import', body)).json(), { sessions: 1 });
      await controller.publish({ owner: self, second: undefined });
      assert.deepEqual(await (await ask(target, 'GET', '/list')).json(), [1, 2]);
    },
  );

  check(
    'an import counts also when its table was missed',
    async ({ target, controller, peer, self, other }) => {
      await controller.publish({ owner: other, second: undefined });
      const body = lines({ from: other, to: self, epoch: 2, slots: [SLOT] }, session([1]), {
        end: true,
        sessions: 1,
      });
      assert.equal((await send(target, 'POST', '/import', body)).status, 200);
      controller.miss({ owner: self, second: undefined });
      await controller.publish({ owner: self, second: other });
      await peer.copied(({ sessions }) => sessions.get(USER)?.[0] === 1);
      assert.deepEqual(await (await ask(target, 'GET', '/list')).json(), [1]);
    },
  );

  check('an import that was called off is forgotten', async ({ target, controller, self, other }) => {
    await controller.publish({ owner: other, second: undefined });
    const body = lines({ from: other, to: self, epoch: 2, slots: [SLOT] }, session([1]), {
      end: true,
      sessions: 1,
    });
    assert.equal((await send(target, 'POST', '/import', body)).status, 200);
    await controller.publish({ owner: other, second: undefined });
    await controller.publish({ owner: self, second: undefined }, [other]);
    assert.deepEqual(await (await ask(target, 'GET', '/list')).json(), []);
  });

  check(
    'copies are kept only from the owner, under the term, in order',
    async ({ target, controller, self, other }) => {
      await controller.publish({ owner: other, second: self });
      const copy = async (head: object, ...entries: object[]): Promise<Response> =>
        send(target, 'POST', '/copy', lines({ from: other, to: self, epoch: 1, ...head }, ...entries));
      const whole = { slots: [SLOT], term: 1 };
      const lacking = await copy({ sequence: 1 }, { ...session([9]), term: 1 });
      assert.deepEqual(await lacking.json(), { epoch: 1, refused: { [SLOT]: 1 } });
      const entries = [
        { ...whole, whole: true },
        { ...session([1]), term: 1 },
        { ...whole, complete: true },
      ];
      assert.deepEqual(await (await copy({ sequence: 3 }, ...entries)).json(), { epoch: 1, refused: {} });
      assert.equal((await copy({ sequence: 2 }, { ...session([8]), term: 1 })).status, 409);
      assert.equal((await copy({ sequence: 4, to: 'another' })).status, 410);
      const newer = await copy({ sequence: 5 }, { ...session([7]), term: 2 });
      assert.deepEqual(await newer.json(), { epoch: 1, refused: { [SLOT]: 1 } });
      const stranger = await copy({ sequence: 1, from: 'a stranger' }, { ...session([6]), term: 1 });
      assert.deepEqual(await stranger.json(), { epoch: 1, refused: { [SLOT]: 1 } });
      assert.equal((await state(target))['second'], 65_537);
      await controller.publish({ owner: self, second: undefined }, [other]);
      assert.deepEqual(await (await ask(target, 'GET', '/list')).json(), [1]);
    },
  );

  check(
    'who takes over keeps its promise to the owner before',
    async ({ target, controller, self, other }) => {
      await controller.publish({ owner: other, second: self });
      const began = performance.now();
      await send(target, 'POST', '/copy', lines({ from: other, to: self, epoch: 1, sequence: 1 }));
      await controller.publish({ owner: self, second: undefined });
      assert.equal((await ask(target, 'GET', '/list')).status, 200);
      assert.ok(performance.now() - began >= PROMISE);
    },
  );

  check('a write is acknowledged when the second owner has it, and not read before', async (stage) => {
    const { target, controller, peer, self, other } = stage;
    await controller.publish({ owner: self, second: other });
    assert.deepEqual(await (await ask(target, 'POST', '/append?n=1')).json(), [1]);
    assert.deepEqual(peer.kept(SLOT).get(USER), [1]);
    peer.holdAnswers();
    const write = ask(target, 'POST', '/append?n=2');
    await peer.received(({ text }) => text.includes('[1,2]'));
    const read = ask(target, 'GET', '/list');
    assert.ok(await isPending(target, Promise.race([write, read])));
    peer.giveAnswers();
    assert.deepEqual(await (await write).json(), [1, 2]);
    assert.deepEqual(await (await read).json(), [1, 2]);
  });

  check('an owner that nobody answers stops answering, until it is alone', async (stage) => {
    const { target, controller, peer, self, other } = stage;
    await controller.publish({ owner: self, second: other });
    assert.equal((await ask(target, 'POST', '/append?n=1')).status, 200);
    peer.holdAnswers();
    while (!(await isPending(target, ask(target, 'GET', '/list'))))
      await new Promise((resolve) => setTimeout(resolve, 100));
    const refused = await ask(target, 'GET', '/list');
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get('retry-after'), '1');
    await controller.publish({ owner: self, second: undefined });
    assert.deepEqual(await (await ask(target, 'GET', '/list')).json(), [1]);
  });

  check('a hand-over freezes, sends, waits for the table and then forwards', async (stage) => {
    const { target, controller, peer, self, other } = stage;
    await controller.publish({ owner: self, second: undefined });
    assert.equal((await ask(target, 'POST', '/append?n=1')).status, 200);
    const { incarnation, url } = peer.member;
    const body = { epoch: 2, slots: [SLOT], to: { incarnation, url }, as: 'owner' };
    const given = await send(target, 'POST', '/hand-over', JSON.stringify(body));
    assert.deepEqual(await given.json(), { epoch: 2, slots: [SLOT], sessions: 1 });
    assert.deepEqual(peer.imported.get(USER), [1]);
    const { frozen, frozenFor } = await state(target);
    assert.deepEqual({ frozen, frozenFor }, { frozen: [SLOT], frozenFor: 2 });
    const late = ask(target, 'POST', '/append?n=2');
    assert.ok(await isPending(target, late));
    await controller.publish({ owner: other, second: undefined });
    assert.equal(await (await late).text(), 'POST /append?n=2 of ann, under 2');
    const stale = await send(target, 'POST', '/hand-over', JSON.stringify(body));
    assert.equal(stale.status, 409);
  });

  check(
    'a hand-over that is called off thaws, and nothing else does',
    async ({ target, controller, peer, self }) => {
      await controller.publish({ owner: self, second: undefined });
      const { incarnation, url } = peer.member;
      const body = JSON.stringify({ epoch: 3, slots: [SLOT], to: { incarnation, url }, as: 'owner' });
      assert.equal((await send(target, 'POST', '/hand-over', body)).status, 200);
      await controller.publish({ owner: self, second: undefined });
      const waiting = ask(target, 'POST', '/append?n=1');
      assert.ok(await isPending(target, waiting));
      await controller.publish({ owner: self, second: undefined });
      assert.deepEqual(await (await waiting).json(), [1]);
    },
  );

  check(
    'a forwarded request that nobody owns by a table as new gets 503',
    async ({ target, controller, other }) => {
      await controller.publish({ owner: other, second: undefined });
      const headers = {
        'x-user': USER,
        'holdfast-forwarded': '1',
        'authorization-holdfast': `Bearer ${target.token}`,
      };
      assert.equal((await fetch(`${target.http}/list`, { headers })).status, 503);
      const without = await ask(target, 'GET', '/list');
      assert.equal(await without.text(), 'GET /list of ann, under 1');
    },
  );

  check(
    'a forwarded request under an epoch that nobody knows waits, and gets 503 then',
    async ({ target, controller, peer, other }) => {
      await controller.publish({ owner: other, second: undefined });
      const headers = {
        'x-user': USER,
        'holdfast-forwarded': '1000',
        'authorization-holdfast': `Bearer ${target.token}`,
      };
      const answer = fetch(`${target.http}/list`, { headers });
      assert.ok(await isPending(target, answer));
      assert.equal((await answer).status, 503);
      assert.deepEqual(peer.requested, [], 'it is not sent in a circle');
    },
  );
}
