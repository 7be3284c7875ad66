/** What the tests of the machine's faults share: chance by a seed, a watch over the processes, the database. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection, type Connection } from 'mysql2/promise';
import { adminUser } from '../../src/database/accounts.ts';
import type { AppFolder } from '../support/app-folder.ts';
import { askAs } from '../routing/load.ts';

/** What `counter` answers. */
export interface Counted {
  readonly instance: string;
  readonly greeting?: string;
  readonly pid: number;
  readonly calls: number;
}

/** One call of each user through the router, by user. @throws when an answer is not 200 */
export async function callAll(port: number, users: readonly string[]): Promise<Map<string, Counted>> {
  const calls = users.map(async (user): Promise<[string, Counted]> => {
    const { status, body } = await askAs(port, user);
    if (status !== 200) throw new Error(`${user}: ${status} ${body}`);
    return [user, JSON.parse(body) as Counted];
  });
  return new Map(await Promise.all(calls));
}

/** A small generator of numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const WATCH_INTERVAL_MS = 20;

/**
 * Watches what must hold at every moment: no id has two processes, so there is one mariadbd at most, and
 * the epoch of a service's table never goes back.
 */
export class Watch {
  /** What was wrong. */
  readonly violations: string[] = [];
  readonly #app: AppFolder;
  readonly #service: string;
  readonly #done: Promise<void>;
  #ends = false;
  #epoch = 0;

  constructor(app: AppFolder, service: string) {
    this.#app = app;
    this.#service = service;
    this.#done = this.#goOn();
  }

  async end(): Promise<void> {
    this.#ends = true;
    await this.#done;
  }

  async #goOn(): Promise<void> {
    while (!this.#ends) {
      this.#requireOneProcessAnId();
      await this.#requireEpochGoesOn();
      await delay(WATCH_INTERVAL_MS);
    }
  }

  #requireOneProcessAnId(): void {
    const marks = new Map<string, string>();
    for (const { id, mark } of this.#app.processes()) {
      if (id === undefined || mark === undefined) continue;
      const other = marks.get(id) ?? mark;
      if (other !== mark) this.violations.push(`${id} runs twice: ${mark} and ${other}`);
      marks.set(id, mark);
    }
  }

  async #requireEpochGoesOn(): Promise<void> {
    const file = join(this.#app.state.routing, `${this.#service}.table.json`);
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined && this.#epoch === 0) return;
    const { epoch } = JSON.parse(text ?? '{"epoch":0}') as { epoch: number };
    if (epoch < this.#epoch) this.violations.push(`the epoch went from ${this.#epoch} to ${epoch}`);
    this.#epoch = epoch;
  }
}

/** Connects to the database of an application that runs, as its administrator. */
export async function connectToDatabase(app: AppFolder): Promise<Connection> {
  const { database } = await app.status();
  const port = Number(database.address?.split(':').at(-1));
  const password = await readFile(join(app.state.generated, 'database', adminUser), 'utf8');
  return createConnection({ host: '127.0.0.1', port, user: adminUser, password, database: 'app' });
}
