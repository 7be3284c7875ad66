import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Copy } from './carried.ts';
import { Keeper } from './keeper.ts';
import { NOBODY, type ToldTable } from './told-table.ts';
import { HEARTBEAT_MS, PROMISE_MS, RIGHT_MS } from './timing.ts';

const MEMBERS = ['a', 'b', 'c'].map((id) => ({
  id,
  incarnation: `${id}1`,
  url: `${id}-url`,
  http: `${id}-http`,
}));
const IDLE_MS = 80_000;

interface Told {
  readonly epoch: number;
  /** Ids, as in `ab`: `a` owns, `b` is the second owner; `-` is nobody. */
  readonly seat: string;
  readonly term?: number;
  readonly since?: readonly [number, number];
  readonly gone?: readonly string[];
}

/** A table of one slot. */
function table({ epoch, seat, term = epoch, since = [1, 1], gone = [] }: Told): ToldTable {
  const index = (id: string | undefined): number => {
    const at = MEMBERS.findIndex((member) => member.id === id);
    return at === -1 ? NOBODY : at;
  };
  return {
    service: 'login',
    epoch,
    members: MEMBERS,
    gone: new Set(gone),
    owners: Uint16Array.of(index(seat[0])),
    seconds: Uint16Array.of(index(seat[1])),
    terms: Uint32Array.of(term),
    ownerSince: Uint32Array.of(since[0]),
    secondSince: Uint32Array.of(since[1]),
  };
}

function keeper(id: string): Keeper {
  return new Keeper({ id, incarnation: `${id}1`, idleMs: IDLE_MS });
}

function copyOf(from: Keeper, to: string, now: number): Copy {
  const copy = from.nextCopy(to, now);
  assert.ok(copy !== undefined);
  return copy;
}

/** Lets an owner's copies reach the second owner and be answered. */
function copyAll(from: Keeper, to: Keeper, now: number): void {
  for (let copy = from.nextCopy('b1', now); copy !== undefined; copy = from.nextCopy('b1', now)) {
    from.copyAnswered('b1', copy.sequence, { answer: to.takeCopy(copy, now), now });
    if (from.nextCopyAt('b1', now) > now) return;
  }
}

function write(to: Keeper, key: string, text: string, ticket: number): boolean {
  return to.write(0, key, { text, formatVersion: 1, ticket, now: 0 });
}

/** An owner `a` and its second owner `b`, with everything copied at the time 0. */
function pair(): [Keeper, Keeper] {
  const [a, b] = [keeper('a'), keeper('b')];
  for (const one of [a, b]) one.tell(table({ epoch: 1, seat: 'ab' }), 0);
  copyAll(a, b, 0);
  return [a, b];
}

test('an instance that knows no table lets everyone wait', () => {
  const a = keeper('a');
  assert.deepEqual(a.admit(0, 0), { to: 'wait' });
  assert.equal(a.access(0, 0), 'wait');
});

test('an owner answers for as long as its second owner has promised, and no longer', () => {
  const [a] = pair();
  assert.equal(a.admit(0, RIGHT_MS - 1).to, 'run');
  const run = a.begin(0);
  assert.equal(a.mayAnswer(run, RIGHT_MS - 1), 'yes');
  assert.equal(a.admit(0, RIGHT_MS).to, 'wait');
  assert.equal(a.mayAnswer(run, RIGHT_MS), 'wait');
});

test('the answer of a request that ran longer than the right goes out when the right has come again', () => {
  const [a, b] = pair();
  const run = a.begin(0);
  assert.equal(a.mayAnswer(run, RIGHT_MS), 'wait');
  copyAll(a, b, RIGHT_MS);
  assert.equal(a.mayAnswer(run, RIGHT_MS), 'yes');
  const lost = table({ epoch: 2, seat: 'ba' });
  a.tell(lost, RIGHT_MS);
  assert.equal(a.mayAnswer(run, RIGHT_MS), 'no');
  a.tell(table({ epoch: 3, seat: 'ab' }), RIGHT_MS);
  assert.equal(a.mayAnswer(run, RIGHT_MS), 'no', 'another instance had the slot meanwhile');
});

test('an answer of a second owner that knows a newer table gives no right', () => {
  const [a, b] = pair();
  b.tell(table({ epoch: 2, seat: 'ab', term: 1 }), HEARTBEAT_MS);
  const copy = copyOf(a, 'b1', HEARTBEAT_MS);
  const now = HEARTBEAT_MS;
  assert.equal(a.copyAnswered('b1', copy.sequence, { answer: b.takeCopy(copy, now), now }), 'ahead');
  assert.equal(a.admit(0, RIGHT_MS).to, 'wait');
});

test('who takes over waits for the end of its promise, unless the owner before is known to have ended', () => {
  for (const { gone, waits } of [
    { gone: [], waits: true },
    { gone: ['a1'], waits: false },
  ]) {
    const [, b] = pair();
    b.tell(table({ epoch: 2, seat: 'b-', since: [1, 0], gone }), 1);
    assert.equal(b.admit(0, PROMISE_MS - 1).to, waits ? 'wait' : 'run');
    assert.equal(b.admit(0, PROMISE_MS).to, 'run');
  }
});

test('a write settles its ticket when the second owner has it, and reads wait for it', () => {
  const [a, b] = pair();
  assert.ok(write(a, 'ann', '1', 7));
  assert.ok(a.await(0, 'ann', 8));
  assert.ok(!a.await(0, 'bob', 9));
  assert.deepEqual(a.takeNews(), { settled: [], lost: [] });
  copyAll(a, b, 1);
  assert.deepEqual(a.takeNews(), { settled: [7, 8], lost: [] });
});

test('a write while a copy is under way waits for the next one', () => {
  const [a, b] = pair();
  write(a, 'ann', '1', 1);
  const copy = copyOf(a, 'b1', 1);
  write(a, 'ann', '2', 2);
  a.copyAnswered('b1', copy.sequence, { answer: b.takeCopy(copy, 1), now: 1 });
  assert.deepEqual(a.takeNews().settled, [1]);
  copyAll(a, b, 2);
  assert.deepEqual(a.takeNews().settled, [2]);
});

test('a copy that came late changes nothing', () => {
  const [a, b] = pair();
  write(a, 'ann', '1', 1);
  const late = copyOf(a, 'b1', 1);
  a.copyAnswered('b1', late.sequence, { answer: undefined, now: 1000 });
  write(a, 'ann', '2', 2);
  copyAll(a, b, 1100);
  assert.equal(b.takeCopy(late, 1200), undefined);
  b.tell(table({ epoch: 2, seat: 'b-', since: [1, 0], gone: ['a1'] }), 1300);
  assert.equal(b.read(0, 'ann', 1300)?.text, '2');
});

test('what a second owner refused that knew an older table goes again as soon as it has taken the newer one', () => {
  const [[a], c] = [pair(), keeper('c')];
  c.tell(table({ epoch: 1, seat: 'ab' }), 0);
  const newer = table({ epoch: 2, seat: 'ac', since: [1, 2] });
  a.tell(newer, 1);
  const early = copyOf(a, 'c1', 1);
  assert.equal(a.copyAnswered('c1', early.sequence, { answer: c.takeCopy(early, 1), now: 1 }), 'behind');
  assert.ok(a.nextCopyAt('c1', 1) > 1, 'not again and again');
  c.tell(newer, 2);
  a.caughtUp('c1');
  assert.equal(a.nextCopyAt('c1', 2), 2);
  const again = copyOf(a, 'c1', 2);
  a.copyAnswered('c1', again.sequence, { answer: c.takeCopy(again, 2), now: 2 });
  assert.equal(a.admit(0, 2).to, 'run');
});

test('a new second owner lacks the slot until it has the whole, and keeps what it had until then', () => {
  const [a, b] = pair();
  write(a, 'ann', '1', 1);
  copyAll(a, b, 1);
  for (const one of [a, b]) one.tell(table({ epoch: 2, seat: 'cb', since: [2, 1] }), 2);
  const half = {
    from: 'c1',
    sequence: 1,
    epoch: 2,
    entries: [{ type: 'whole', term: 2, slots: [0] }],
  } as const;
  assert.deepEqual(b.takeCopy(half, 3), { epoch: 2, refused: new Map() });
  b.tell(table({ epoch: 3, seat: 'b-', since: [1, 0], gone: ['c1'] }), 4);
  assert.equal(b.read(0, 'ann', 4)?.text, '1');
});

test('who was no member for a while has nothing, even if it missed the table that said so', () => {
  const [a, b] = pair();
  write(a, 'ann', '1', 1);
  copyAll(a, b, 1);
  b.tell(table({ epoch: 3, seat: 'ab', since: [1, 3] }), 2);
  assert.deepEqual(b.state().lacking, [0]);
  b.tell(table({ epoch: 4, seat: 'b-', since: [3, 0], gone: ['a1'] }), 3);
  assert.equal(b.read(0, 'ann', PROMISE_MS + 3), undefined);
});

test('what was never acknowledged is read after a take-over only when the new second owner has it', () => {
  const [a, b] = pair();
  write(a, 'ann', '1', 1);
  const copy = copyOf(a, 'b1', 1);
  b.takeCopy(copy, 1);
  b.tell(table({ epoch: 2, seat: 'ba', since: [1, 1], gone: ['a1'] }), 2);
  assert.ok(b.await(0, 'ann', 5));
  const whole = copyOf(b, 'a1', 3);
  a.tell(table({ epoch: 2, seat: 'ba', since: [1, 1] }), 3);
  b.copyAnswered('a1', whole.sequence, { answer: a.takeCopy(whole, 3), now: 3 });
  assert.deepEqual(b.takeNews().settled, [5]);
  assert.deepEqual(a.takeNews().lost, [1]);
});

test('a frozen slot lets those finish who run, and nobody else in', () => {
  const [a, b] = pair();
  const run = a.begin(0);
  assert.deepEqual(a.freeze(2, [0], 1), [0]);
  assert.equal(a.admit(0, 1).to, 'wait');
  assert.equal(a.access(0, 1), 'open');
  const recipient = { to: 'c1', as: 'owner' } as const;
  assert.ok(!a.isReady(0, recipient));
  write(a, 'ann', '1', 1);
  a.end(run);
  assert.ok(!a.isReady(0, recipient), 'its write is not acknowledged');
  copyAll(a, b, 2);
  assert.ok(a.isReady(0, recipient));
  assert.equal(a.export(2, [0], { recipient, now: 2 }).sessions.length, 1);
  assert.equal(a.access(0, 2), 'wait');
});

test('what has been sent away thaws by a table of its epoch only', () => {
  const [a] = pair();
  a.freeze(3, [0], 1);
  a.export(3, [0], { recipient: { to: 'c1', as: 'owner' }, now: 1 });
  a.leaveOut(3, [0]);
  a.tell(table({ epoch: 2, seat: 'ab', term: 1 }), 2);
  assert.equal(a.admit(0, 2).to, 'wait');
  a.tell(table({ epoch: 3, seat: 'ab', term: 1 }), 3);
  assert.equal(a.admit(0, 3).to, 'run');
});

test('what was not sent thaws when it is left out', () => {
  const [a] = pair();
  a.begin(0);
  a.freeze(2, [0], 1);
  a.leaveOut(2, [0]);
  assert.equal(a.admit(0, 1).to, 'run');
});

test('a second owner that imported a slot need not be sent the whole again', () => {
  const [a] = pair();
  const c = keeper('c');
  write(a, 'ann', '1', 1);
  a.freeze(2, [0], 1);
  c.tell(table({ epoch: 1, seat: 'ab' }), 1);
  assert.ok(c.import(a.export(2, [0], { recipient: { to: 'c1', as: 'second' }, now: 1 }), 1));
  for (const one of [a, c]) one.tell(table({ epoch: 2, seat: 'ac', since: [1, 2] }), 2);
  assert.equal(a.state().incomplete, 0);
  const copy = copyOf(a, 'c1', 2);
  assert.deepEqual(
    copy.entries.map(({ type }) => type),
    ['session'],
  );
  a.copyAnswered('c1', copy.sequence, { answer: c.takeCopy(copy, 2), now: 2 });
  assert.deepEqual(a.takeNews().settled, [1]);
});

test('whoever loses a slot tells those who wait for their writes', () => {
  const [a] = pair();
  write(a, 'ann', '1', 4);
  a.tell(table({ epoch: 2, seat: 'bc', since: [1, 2] }), 1);
  assert.deepEqual(a.takeNews(), { settled: [], lost: [4] });
});

test('writes that wait for a second owner that is taken out are acknowledged', () => {
  const [a] = pair();
  write(a, 'ann', '1', 4);
  a.tell(table({ epoch: 2, seat: 'a-', since: [1, 0] }), 1);
  assert.deepEqual(a.takeNews(), { settled: [4], lost: [] });
  assert.equal(a.admit(0, RIGHT_MS * 2).to, 'run', 'it has nobody to ask');
});

test('a session that was not used ends, and the second owner is told', () => {
  const [a, b] = pair();
  write(a, 'ann', '1', 1);
  write(a, 'bob', '2', 2);
  copyAll(a, b, 1);
  const now = IDLE_MS - 10;
  copyAll(a, b, now);
  assert.equal(a.read(0, 'bob', now)?.text, '2');
  copyAll(a, b, IDLE_MS);
  a.sweep(1, IDLE_MS);
  copyAll(a, b, IDLE_MS + HEARTBEAT_MS);
  assert.equal(a.state().sessions, 1);
  b.tell(table({ epoch: 2, seat: 'b-', since: [1, 0], gone: ['a1'] }), IDLE_MS + HEARTBEAT_MS);
  assert.equal(b.state().sessions, 1);
  assert.equal(b.read(0, 'bob', IDLE_MS + 1000)?.text, '2', 'its use was told');
});

test('a table of an earlier life of the instance makes it own nothing', () => {
  const restarted = new Keeper({ id: 'a', incarnation: 'a2', idleMs: IDLE_MS });
  restarted.tell(table({ epoch: 1, seat: 'ab' }), 0);
  assert.deepEqual(restarted.admit(0, 0), { to: 'nobody' });
});
