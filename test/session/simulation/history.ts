/**
 * What happened in a run, seen from outside, and what must hold of it. Sessions are lists to which each request appends
 * its own number: a lost write, one that ran twice, and a stale read all show in what is read later.
 */
import assert from 'node:assert/strict';

interface Observation {
  readonly key: string;
  readonly list: readonly number[];
  readonly began: number;
  readonly ended: number;
}

export class History {
  readonly #ran = new Set<number>();
  readonly #begun = new Map<number, number>();
  readonly #observations: Observation[] = [];
  readonly #readAtEnd = new Set<string>();
  answers = 0;
  refusals = 0;
  /** What is already known to be wrong. */
  readonly #violations: string[] = [];

  /** A request begins to run under a term. */
  runs(request: number, slot: number, term: number): void {
    if (this.#ran.has(request)) this.#violations.push(`request ${request} was run twice`);
    this.#ran.add(request);
    this.#begun.set(slot, Math.max(term, this.#begun.get(slot) ?? 0));
  }

  /** An instance lets an answer out under a term. */
  answersUnder(slot: number, term: number): void {
    const begun = this.#begun.get(slot) ?? 0;
    if (term < begun) this.#violations.push(`slot ${slot}: an answer under ${term} after ${begun} had begun`);
  }

  /** A client got an answer; for an append the list includes it. */
  observe(observation: Observation): void {
    this.answers += 1;
    this.#observations.push(observation);
  }

  refused(): void {
    this.refusals += 1;
  }

  /** A key could be read when all was well again. */
  readAtEnd(key: string): void {
    this.#readAtEnd.add(key);
  }

  /** @throws AssertionError */
  check(keys: number): void {
    assert.deepEqual(this.#violations, []);
    assert.equal(this.#readAtEnd.size, keys, 'keys that could be read in the end');
    for (const [key, observations] of Map.groupBy(this.#observations, ({ key }) => key))
      checkKey(key, observations);
  }
}

function checkKey(key: string, observations: readonly Observation[]): void {
  const longest = observations.reduce<readonly number[]>(
    (a, { list }) => (list.length > a.length ? list : a),
    [],
  );
  assert.equal(new Set(longest).size, longest.length, `${key}: a request appended twice: ${longest.join()}`);
  for (const { list } of observations) {
    const isPrefix = list.every((item, at) => item === longest[at]);
    assert.ok(isPrefix, `${key}: two histories: ${list.join()} and ${longest.join()}`);
  }
  let seen = 0;
  const byEnd = observations.toSorted((a, b) => a.ended - b.ended);
  let at = 0;
  for (const { list, began } of observations.toSorted((a, b) => a.began - b.began)) {
    for (let next = byEnd[at]; next !== undefined && next.ended < began; next = byEnd[at]) {
      seen = Math.max(seen, next.list.length);
      at += 1;
    }
    assert.ok(
      list.length >= seen,
      `${key}: ${list.length} entries were read after ${seen} had been acknowledged`,
    );
  }
}
