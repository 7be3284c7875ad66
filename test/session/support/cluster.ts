/**
 * Processes of the service of the tests, and a controller for them that does what docs/hand-over.md asks of one and no
 * more. However a test ends, `dispose` leaves no process and no file behind.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { slotOf } from '../../../src/session/slot.ts';
import type { Member } from '../../../src/session/told-table.ts';
import { encoded, nextTable, NO_TABLE, type TestRow, type TestSeat, type TestTable } from './table.ts';

const TOKEN = 'a token of the tests, long enough';
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url));
const ANSWER_MS = 20_000;

export interface ServiceProcess {
  readonly member: Member;
  readonly child: ChildProcess;
  /** The requests that were run, as `/append?n=1 ann`. */
  readonly ran: string[];
}

export interface StateAnswer {
  readonly incarnation: string;
  readonly epoch: number;
  readonly owned: number;
  readonly second: number;
  readonly frozen: readonly number[];
  readonly lacking: readonly number[];
  readonly incomplete: number;
  readonly sessions: number;
  readonly pending: number;
}

export class TestCluster implements AsyncDisposable {
  readonly processes: ServiceProcess[] = [];
  table: TestTable = NO_TABLE;
  readonly #folder: string;
  readonly #service: string;
  readonly #gone: string[] = [];
  readonly #unrouted = new Set<ServiceProcess>();

  private constructor(folder: string, service: string) {
    this.#folder = folder;
    this.#service = service;
  }

  /** @param service what is run: a file of `fixtures` */
  static async start(ids: readonly string[], service = 'notes'): Promise<TestCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-session-'));
    const cluster = new TestCluster(folder, fixture(service));
    await writeFile(cluster.tokenFile, TOKEN, { mode: 0o600 });
    for (const id of ids) await cluster.add(id);
    await cluster.publish((slot) => ({
      owner: cluster.at(slot).member.incarnation,
      second: cluster.at(slot + 1).member.incarnation,
    }));
    await cluster.settled();
    return cluster;
  }

  get tokenFile(): string {
    return join(this.#folder, 'token');
  }

  /** A process of those that get requests, in turn. */
  at(index: number): ServiceProcess {
    const routed = this.processes.filter((process) => !this.#unrouted.has(process));
    const process = routed[index % routed.length];
    if (process === undefined) throw new Error('there is no process');
    return process;
  }

  async add(id: string): Promise<ServiceProcess> {
    const child = spawn(process.execPath, [this.#service], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'] ?? '',
        INSTANCE: id,
        HOST: '127.0.0.1',
        PORT: '0',
        HOLDFAST_SESSION_PORT: '0',
        HOLDFAST_SESSION_TOKEN_FILE: this.tokenFile,
        HOLDFAST_SESSION_KEY: 'header:x-user',
        HOLDFAST_SESSION_DRAIN: '10000',
      },
    });
    const ran: string[] = [];
    createInterface(child.stdout).on('line', (line) => ran.push(line));
    const errors = createInterface(child.stderr);
    const [line] = (await once(errors, 'line', { signal: AbortSignal.timeout(ANSWER_MS) })) as [string];
    const ports = JSON.parse(line) as { readonly http: number; readonly session: number };
    errors.on('line', (text) => process.stderr.write(`${id}: ${text}\n`));
    const url = `http://127.0.0.1:${ports.session}`;
    const { incarnation } = (await (await ask(`${url}/state`)).json()) as StateAnswer;
    const member = { id, incarnation, url, http: `http://127.0.0.1:${ports.http}` };
    const started = { member, child, ran };
    this.processes.push(started);
    return started;
  }

  /** From now on no request is sent to it. */
  unroute(process: ServiceProcess): void {
    this.#unrouted.add(process);
  }

  find(incarnation: string | undefined): ServiceProcess | undefined {
    return this.processes.find(({ member }) => member.incarnation === incarnation);
  }

  rowOf(user: string): TestRow {
    const row = this.table.rows[slotOf(user)];
    if (row === undefined) throw new Error('there is no such slot');
    return row;
  }

  ownerOf(user: string): ServiceProcess | undefined {
    return this.find(this.rowOf(user).owner);
  }

  /** Publishes the next table and tells everyone who listens. */
  async publish(
    seat: (slot: number, row: TestRow) => TestSeat,
    not: readonly ServiceProcess[] = [],
  ): Promise<void> {
    const members = this.processes.map(({ member }) => member);
    this.table = nextTable(this.table, members, { seat, gone: this.#gone });
    await this.tell(not);
  }

  async tell(not: readonly ServiceProcess[] = []): Promise<void> {
    const body = JSON.stringify(encoded(this.table));
    await Promise.all(
      this.processes
        .filter((process) => !not.includes(process))
        .map(({ member }) => ask(`${member.url}/table`, { method: 'PUT', body })),
    );
  }

  /** Hands over slots of one owner to one instance; gives those that were. */
  async handOver(
    from: ServiceProcess,
    to: ServiceProcess,
    { slots, as }: { readonly slots: readonly number[]; readonly as: 'owner' | 'second' },
  ): Promise<number[]> {
    const given = await this.send(from, to, { slots, as });
    await this.publish(moved(to, given, as));
    return given;
  }

  /** The part of a hand-over before the table: frozen and imported. Gives the slots of which that is known. */
  async send(
    from: ServiceProcess,
    to: ServiceProcess,
    { slots, as }: { readonly slots: readonly number[]; readonly as: 'owner' | 'second' },
  ): Promise<number[]> {
    const { incarnation, url } = to.member;
    const body = JSON.stringify({ epoch: this.table.epoch + 1, slots, to: { incarnation, url }, as });
    const answer = await ask(`${from.member.url}/hand-over`, { method: 'POST', body });
    return [...((await answer.json()) as { readonly slots: readonly number[] }).slots];
  }

  slotsOf({ member }: ServiceProcess): number[] {
    return [...this.table.rows.keys()].filter((slot) => this.table.rows[slot]?.owner === member.incarnation);
  }

  /** Ends a process at once and has its slots taken over. */
  async crash(victim: ServiceProcess): Promise<void> {
    const ended = once(victim.child, 'exit');
    victim.child.kill('SIGKILL');
    await ended;
    const { incarnation } = victim.member;
    this.processes.splice(this.processes.indexOf(victim), 1);
    this.#gone.push(incarnation);
    await this.publish((slot, { owner, second }) => {
      const kept = owner === incarnation ? second : owner;
      if (owner !== incarnation && second !== incarnation) return { owner, second };
      const others = this.processes.filter(({ member }) => member.incarnation !== kept);
      return { owner: kept, second: others[slot % others.length]?.member.incarnation };
    });
  }

  async state({ member }: ServiceProcess): Promise<StateAnswer> {
    return (await (await ask(`${member.url}/state`)).json()) as StateAnswer;
  }

  /** Waits until every copy is where it should be. */
  async settled(): Promise<void> {
    const until = Date.now() + ANSWER_MS;
    for (;;) {
      const states = await Promise.all(this.processes.map((process) => this.state(process)));
      if (states.every(({ lacking, incomplete }) => lacking.length === 0 && incomplete === 0)) return;
      if (Date.now() > until) throw new Error(`the copies are still not complete after ${ANSWER_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.processes) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The table after a hand-over of these slots. */
export function moved(
  { member: { incarnation } }: ServiceProcess,
  slots: readonly number[],
  as: 'owner' | 'second',
): (slot: number, row: TestRow) => TestSeat {
  const given = new Set(slots);
  return (slot, row) => {
    if (!given.has(slot)) return row;
    if (as === 'second') return { ...row, second: incarnation };
    return { owner: incarnation, second: row.second === incarnation ? row.owner : row.second };
  };
}

/** A request of the protocol. */
export function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return fetch(url, { ...init, headers, signal: AbortSignal.timeout(ANSWER_MS) });
}
