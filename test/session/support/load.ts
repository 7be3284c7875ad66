/** Users who add number after number to their own list, and remember what was acknowledged. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestCluster } from './cluster.ts';

const REQUEST_MS = 15_000;

export interface User {
  readonly name: string;
  readonly acknowledged: number[];
  /** Answers other than 200, and requests without one. */
  readonly failed: { readonly n: number; readonly how: string }[];
}

export class Load implements AsyncDisposable {
  readonly users: readonly User[];
  readonly #cluster: TestCluster;
  readonly #ended: Promise<unknown>;
  #isOver = false;

  /** @param strays a request in so many goes to another instance than the owner, as from a router with an old table; 0: none */
  constructor(cluster: TestCluster, users: number, strays: number) {
    this.#cluster = cluster;
    this.users = Array.from({ length: users }, (_, n) => ({
      name: `user-${n}`,
      acknowledged: [],
      failed: [],
    }));
    this.#ended = Promise.all(this.users.map((user, at) => this.#append(user, { at, strays })));
  }

  get acknowledged(): number {
    return this.users.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  }

  get failed(): string[] {
    return this.users.flatMap(({ failed }) => failed.map(({ how }) => how));
  }

  /** Waits until so many more writes were acknowledged. */
  async more(count: number): Promise<void> {
    const wanted = this.acknowledged + count;
    const until = Date.now() + 60_000;
    while (this.acknowledged < wanted) {
      if (Date.now() > until)
        throw new Error(`only ${this.acknowledged} of ${wanted}: ${this.failed.join()}`);
      await delay(10);
    }
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #append(user: User, { at, strays }: { at: number; strays: number }): Promise<void> {
    for (let n = 0; !this.#isOver; n += 1) {
      const isStray = strays > 0 && (n + at) % strays === 0;
      const target = isStray
        ? this.#cluster.at(n)
        : (this.#cluster.ownerOf(user.name) ?? this.#cluster.at(n));
      try {
        const answer = await fetch(`${target.member.http}/append?n=${n}`, {
          method: 'POST',
          headers: { 'x-user': user.name },
          signal: AbortSignal.timeout(REQUEST_MS),
        });
        const text = await answer.text();
        if (answer.status === 200) user.acknowledged.push(n);
        else user.failed.push({ n, how: `${answer.status} ${text}` });
      } catch (error) {
        user.failed.push({ n, how: String(error) });
        await delay(20);
      }
    }
  }
}

export async function listOf(cluster: TestCluster, user: string): Promise<number[]> {
  const owner = cluster.ownerOf(user);
  if (owner === undefined) throw new Error(`nobody owns ${user}`);
  const answer = await fetch(`${owner.member.http}/list`, { headers: { 'x-user': user } });
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()) as number[];
}

/** Every list has what was acknowledged, in order; of a write that failed nobody knows. */
export async function assertKept(cluster: TestCluster, load: Load): Promise<void> {
  for (const { name, acknowledged, failed } of load.users) {
    const list = await listOf(cluster, name);
    const unknown = new Set(failed.map(({ n }) => n));
    assert.deepEqual(
      list.filter((n) => !unknown.has(n)),
      acknowledged,
      name,
    );
  }
}

/** The requests that were run more than once, by any of the processes. */
export function runTwice(ran: readonly (readonly string[])[]): string[] {
  const seen = new Set<string>();
  return ran.flat().filter((request) => {
    if (!request.startsWith('/append')) return false;
    const isSecond = seen.has(request);
    seen.add(request);
    return isSecond;
  });
}
