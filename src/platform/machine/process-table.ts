/**
 * The processes of one application. They are started in a session of their own with their output in a
 * file, so they outlive the controller; the next one adopts them by pid and start time. A process is
 * signalled only when it is still that very process.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { defined } from '../../app/defined.ts';
import { STABLE_AFTER } from '../../scaling/backoff.ts';
import { openLog } from './log-file.ts';
import {
  findMarked,
  identify,
  isAlive,
  MARK,
  type MarkedProcess,
  type ProcessIdentity,
} from './process-identity.ts';
import { readRecords, removeRecord, writeRecord, type ProcessRecord } from './process-record.ts';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment of the process, less the mark. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Where its output is appended. */
  readonly output: string;
}

/** What a start adds to the record, apart from what the table itself knows. */
export type NewRecord = Pick<ProcessRecord, 'id' | 'host' | 'port'> &
  Partial<Pick<ProcessRecord, 'service' | 'ordinal' | 'template' | 'structure' | 'sessionPort'>>;

/** How often adopted processes, whose end nobody reports, are looked at; ms. */
const ADOPTED_POLL = 200;

export class ProcessTable {
  readonly #folder: string;
  readonly #markPrefix: string;
  readonly #now: () => number;
  readonly #records = new Map<string, ProcessRecord>();
  readonly #adopted = new Set<string>();
  readonly #listeners = new Set<() => void>();
  /** Writes of one record happen in order. */
  readonly #writes = new Map<string, Promise<void>>();
  #poll: NodeJS.Timeout | undefined;

  /** @param scope names the application among all of this machine; part of each process's mark. */
  constructor(folder: string, scope: string, now: () => number = Date.now) {
    this.#folder = folder;
    this.#markPrefix = `${scope}/`;
    this.#now = now;
  }

  /** Reads the records and adopts what still runs. Must be called first, and by one controller only. */
  async open(): Promise<void> {
    const marked = findMarked(this.#markPrefix);
    const records = await readRecords(this.#folder);
    for (const record of records) await this.#adopt(record, marked);
    const known = new Set(records.map((record) => record.mark));
    // A record is written before its process starts, so these are left over from records that are gone.
    for (const process of marked) if (!known.has(process.mark)) kill(process.pid, 'SIGKILL');
    this.#poll = setInterval(() => void this.#lookAtAdopted(), ADOPTED_POLL).unref();
  }

  all(): ProcessRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): ProcessRecord | undefined {
    return this.#records.get(id);
  }

  /** Whether the process of this record runs, or is just being started. */
  isRunning(id: string): boolean {
    const record = this.#records.get(id);
    return record !== undefined && record.exitedAt === undefined;
  }

  /** Starts a process under an id whose process, if there was one, has ended. */
  async start(about: NewRecord, command: Command): Promise<void> {
    const mark = `${this.#markPrefix}${about.id}/${randomBytes(9).toString('base64url')}`;
    const { failures = 0, exit } = this.#records.get(about.id) ?? {};
    await this.#save({ ...about, mark, startedAt: this.#now(), failures, ...defined({ lastExit: exit }) });
    try {
      await this.#spawn(about.id, command, mark);
    } catch (error) {
      // The record says that it runs until it is told otherwise: nothing else would ever end it.
      await this.#ended(
        about.id,
        `could not be started: ${error instanceof Error ? error.message : String(error)}`,
      );
      throw error;
    }
  }

  async #spawn(id: string, command: Command, mark: string): Promise<void> {
    const log = await openLog(command.output);
    try {
      const child = spawn(command.program, command.args, {
        cwd: command.cwd,
        env: { ...command.env, [MARK]: mark },
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
      });
      this.#watch(id, child);
      const identity = child.pid === undefined ? undefined : identify(child.pid);
      if (identity !== undefined) await this.update(id, { identity });
    } finally {
      await log.close();
    }
  }

  /** Changes what is kept of a process. */
  async update(id: string, change: Partial<ProcessRecord>): Promise<void> {
    const record = this.#records.get(id);
    if (record !== undefined) await this.#remember({ ...record, ...change });
  }

  /** Forgets past failures: what waits for its next start is started at once. */
  async forgive(): Promise<void> {
    for (const { id, failures } of this.all()) if (failures > 0) await this.update(id, { failures: 0 });
  }

  /** Removes the record of a process that has ended. */
  async forget(id: string): Promise<void> {
    if (this.isRunning(id)) return;
    this.#records.delete(id);
    await this.#inOrder(id, () => removeRecord(this.#folder, id));
  }

  /** Signals the process and its group, if it is still that process. */
  signal(id: string, signal: NodeJS.Signals): void {
    const identity = this.#records.get(id)?.identity;
    if (identity !== undefined && this.isRunning(id)) signalGroup(identity, signal);
  }

  /** Signals the process alone, for programs that look after their children themselves. */
  signalLeader(id: string, signal: NodeJS.Signals): void {
    const identity = this.#records.get(id)?.identity;
    if (identity !== undefined && isAlive(identity)) kill(identity.pid, signal);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Stops watching. The processes run on. */
  async close(): Promise<void> {
    clearInterval(this.#poll);
    this.#listeners.clear();
    await Promise.all(this.#writes.values());
  }

  async #adopt(record: ProcessRecord, marked: readonly MarkedProcess[]): Promise<void> {
    const found = marked.find((process) => process.mark === record.mark && process.leads);
    const identity = record.identity ?? (found && identify(found.pid));
    this.#records.set(record.id, identity === undefined ? record : { ...record, identity });
    if (record.exitedAt !== undefined) return;
    if (identity !== undefined && isAlive(identity)) this.#adopted.add(record.id);
    else await this.#ended(record.id, 'ended while no controller ran');
  }

  #watch(id: string, child: ChildProcess): void {
    child.once('error', (error) => void this.#ended(id, `could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      void this.#ended(id, signal === null ? `exit code ${code}` : `ended by ${signal}`);
    });
    child.unref();
  }

  async #lookAtAdopted(): Promise<void> {
    for (const id of this.#adopted) {
      const identity = this.#records.get(id)?.identity;
      if (identity === undefined || !isAlive(identity)) await this.#ended(id, 'ended');
    }
  }

  async #ended(id: string, exit: string): Promise<void> {
    const record = this.#records.get(id);
    this.#adopted.delete(id);
    if (record === undefined || record.exitedAt !== undefined) return;
    for (const left of findMarked(record.mark)) kill(left.pid, 'SIGKILL');
    const exitedAt = this.#now();
    const remembered = this.#remember({
      ...record,
      exitedAt,
      exit: record.stopReason ?? exit,
      failures: failuresAt(record, exitedAt),
    });
    // Users wait for what follows from it; a controller that does not find it written sees by itself that it has ended.
    for (const listener of this.#listeners) listener();
    await remembered;
  }

  /**
   * Like `#save`, but a disk that is full must not end the controller: this one knows, and the next finds
   * out what runs by looking at the process itself.
   */
  async #remember(record: ProcessRecord): Promise<void> {
    await this.#save(record).catch(() => undefined);
  }

  async #save(record: ProcessRecord): Promise<void> {
    this.#records.set(record.id, record);
    await this.#inOrder(record.id, () => writeRecord(this.#folder, record));
  }

  async #inOrder(id: string, write: () => Promise<void>): Promise<void> {
    const done = (this.#writes.get(id) ?? Promise.resolve()).then(write);
    this.#writes.set(
      id,
      done.catch(() => undefined),
    );
    await done;
  }
}

/** An end that was asked for is no failure; the first after a stable life starts the count anew. */
function failuresAt(record: ProcessRecord, exitedAt: number): number {
  if (record.stoppingSince !== undefined && record.failed !== true) return record.failures;
  const stable = record.readyAt !== undefined && exitedAt - record.readyAt >= STABLE_AFTER;
  return stable ? 0 : record.failures + 1;
}

function signalGroup(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (isAlive(identity)) kill(-identity.pid, signal);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const gone = error instanceof Error && 'code' in error && error.code === 'ESRCH';
    if (!gone) throw error;
  }
}
