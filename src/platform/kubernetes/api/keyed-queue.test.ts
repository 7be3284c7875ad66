import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { KeyedQueue, type Timers } from './keyed-queue.ts';

/** Time that passes only when it is told to. */
class ManualTimers implements Timers {
  #now = 0;
  readonly #due = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  get pending(): number[] {
    return [...this.#due].map(({ at }) => at - this.#now);
  }

  after(ms: number, callback: () => void): () => void {
    const entry = { at: this.#now + ms, callback };
    this.#due.add(entry);
    return () => void this.#due.delete(entry);
  }

  async advance(ms: number): Promise<void> {
    this.#now += ms;
    for (const entry of [...this.#due].filter(({ at }) => at <= this.#now)) {
      this.#due.delete(entry);
      entry.callback();
    }
    await turn();
  }
}

interface Bench {
  readonly queue: KeyedQueue;
  readonly timers: ManualTimers;
  readonly looked: string[];
  readonly errors: string[];
  readonly end: () => Promise<void>;
}

function bench(work: (key: string) => Promise<void> = () => Promise.resolve(), concurrency = 1): Bench {
  const timers = new ManualTimers();
  const looked: string[] = [];
  const errors: string[] = [];
  const queue = new KeyedQueue({
    work: async (key) => {
      looked.push(key);
      await work(key);
    },
    concurrency,
    onError: (key, error) => errors.push(`${key}: ${String(error)}`),
    timers,
  });
  const stop = new AbortController();
  const running = queue.run(stop.signal);
  const end = (): Promise<void> => {
    stop.abort();
    return running;
  };
  return { queue, timers, looked, errors, end };
}

test('a key that is added many times before its turn is looked at once', async () => {
  const { queue, looked, end } = bench();
  for (let time = 0; time < 5; time++) queue.add('a');
  queue.add('b');
  await turn();
  assert.deepEqual(looked, ['a', 'b']);
  await end();
});

test('a key that is added while it is under way is looked at once more, and not before', async () => {
  const gate = Promise.withResolvers<void>();
  const { queue, looked, end } = bench(() => gate.promise, 4);
  queue.add('a');
  await turn();
  queue.add('a');
  queue.add('a');
  await turn();
  assert.deepEqual(looked, ['a']);
  gate.resolve();
  await turn();
  assert.deepEqual(looked, ['a', 'a']);
  await end();
});

test('other keys go on while one takes long', async () => {
  const gate = Promise.withResolvers<void>();
  const { queue, looked, end } = bench((key) => (key === 'slow' ? gate.promise : Promise.resolve()), 2);
  for (const key of ['slow', 'a', 'b']) queue.add(key);
  await turn();
  assert.deepEqual(looked, ['slow', 'a', 'b']);
  gate.resolve();
  await end();
});

test('a failure is tried again later each time, up to half a minute', async () => {
  const { queue, timers, errors, end } = bench(() => Promise.reject(new Error('no')));
  queue.add('a');
  await turn();
  const delays: number[] = [];
  for (let time = 0; time < 15; time++) {
    const [delay = Number.NaN] = timers.pending;
    delays.push(delay);
    await timers.advance(delay);
  }
  assert.deepEqual(delays.slice(0, 4), [5, 10, 20, 40]);
  assert.deepEqual(delays.slice(-2), [30_000, 30_000]);
  assert.equal(errors.length, 16);
  assert.equal(errors[0], 'a: Error: no');
  await end();
});

test('after a success failures count from the start', async () => {
  let fails = true;
  const { queue, timers, end } = bench(() => (fails ? Promise.reject(new Error('no')) : Promise.resolve()));
  queue.add('a');
  await turn();
  await timers.advance(5);
  assert.deepEqual(timers.pending, [10]);
  fails = false;
  await timers.advance(10);
  assert.equal(queue.size, 0);
  fails = true;
  queue.add('a');
  await turn();
  assert.deepEqual(timers.pending, [5]);
  await end();
});

test('of several wishes for later the earliest counts', async () => {
  const { queue, timers, looked, end } = bench();
  queue.addAfter('a', 100);
  queue.addAfter('a', 50);
  queue.addAfter('a', 80);
  assert.deepEqual(timers.pending, [50]);
  await timers.advance(50);
  assert.deepEqual(looked, ['a']);
  assert.deepEqual(timers.pending, []);
  await end();
});

test('when it ends it waits for what is under way, and begins nothing', async () => {
  const gate = Promise.withResolvers<void>();
  const { queue, timers, looked, end } = bench(() => gate.promise);
  queue.add('a');
  queue.add('b');
  queue.addAfter('c', 10);
  await turn();
  let ended = false;
  const ending = end().then(() => (ended = true));
  queue.add('d');
  await timers.advance(20);
  assert.equal(ended, false);
  gate.resolve();
  await ending;
  assert.deepEqual(looked, ['a']);
});

test('keys that were added before it runs are looked at when it runs', async () => {
  const looked: string[] = [];
  const stop = new AbortController();
  const queue = new KeyedQueue({
    work: (key) => Promise.resolve(void looked.push(key)),
    onError: (key) => assert.fail(key),
  });
  queue.add('a');
  await turn();
  assert.deepEqual(looked, []);
  const running = queue.run(stop.signal);
  await turn();
  assert.deepEqual(looked, ['a']);
  stop.abort();
  await running;
});

test('every wish is followed by a look, a key is looked at by one at a time, and nothing is kept', async () => {
  const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), after: fc.nat(20), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const wished = new Set<string>();
      const underWay = new Set<string>();
      const failing = new Set<string>();
      const { queue, timers, end } = bench(async (key) => {
        assert.ok(!underWay.has(key));
        underWay.add(key);
        wished.delete(key);
        await turn();
        underWay.delete(key);
        if (failing.delete(key)) throw new Error('once');
      }, 2);
      for (const { key, after, fails } of steps) {
        wished.add(key);
        if (fails) failing.add(key);
        if (after === 0) queue.add(key);
        else queue.addAfter(key, after);
        await timers.advance(1);
      }
      for (let rest = 0; rest < 200 && queue.size > 0; rest++) await timers.advance(10);
      assert.deepEqual([queue.size, wished.size, timers.pending.length], [0, 0, 0]);
      await end();
    }),
    { numRuns: 50 },
  );
});
