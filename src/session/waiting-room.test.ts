import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WAIT_MS } from './timing.ts';
import { Tickets } from './tickets.ts';
import { WaitingRoom } from './waiting-room.ts';

test('who waits goes on as soon as there is something', async () => {
  const room = new WaitingRoom(() => 0);
  const found: string[] = [];
  const waits = room.until(1, () => found[0]);
  room.look();
  assert.equal(room.size, 1);
  found.push('it');
  room.look();
  assert.equal(await waits, 'it');
  assert.equal(room.size, 0);
});

test('nobody waits longer than the limit', async () => {
  let now = 0;
  const room = new WaitingRoom(() => now);
  const waits = room.until(1, () => undefined);
  now = WAIT_MS;
  room.look();
  assert.equal(await waits, 'late');
});

test('a slot has room for a number, another slot has its own', async () => {
  const room = new WaitingRoom(() => 0);
  let turned = 0;
  const enter = (slot: number): Promise<void> =>
    room.until(slot, () => undefined).then((how) => void (turned += how === 'full' ? 1 : 0));
  for (let n = 0; n < 500; n += 1) void enter(1);
  await enter(1);
  assert.equal(turned, 1);
  void enter(2);
  assert.equal(room.size, 501);
});

test('what an attempt throws is what is waited for', async () => {
  const room = new WaitingRoom(() => 0);
  const errors: Error[] = [];
  const waits = room.until(1, () => {
    if (errors[0] !== undefined) throw errors[0];
  });
  errors.push(new Error('no more'));
  room.look();
  await assert.rejects(waits, /no more/);
});

test('tickets end as the news has it, or by time', async () => {
  let now = 0;
  const tickets = new Tickets(() => now);
  const [one, two, three] = [tickets.next(), tickets.next(), tickets.next()];
  const ends = [tickets.wait(one), tickets.wait(two)];
  now = 10;
  ends.push(tickets.wait(three));
  tickets.take({ settled: [two], lost: [] });
  now = WAIT_MS;
  tickets.expire();
  tickets.take({ settled: [], lost: [three] });
  assert.deepEqual(await Promise.all(ends), ['late', 'settled', 'lost']);
});
