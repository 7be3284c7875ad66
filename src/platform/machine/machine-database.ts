/**
 * The application's database on this machine: a mariadbd of its own in `.holdfast/database`, or a server
 * that the user has elsewhere, which is only asked whether it answers.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { defined } from '../../app/defined.ts';
import { accountsChangeSql, accountsSql, type DatabaseAccounts } from '../../database/accounts.ts';
import { connectionOptions } from '../../database/connection-url.ts';
import { emptyTemporaryFolder, initialiseDataFolder } from '../../database/data-folder.ts';
import { probeDatabase } from '../../database/probe.ts';
import { serverPaths, singleServer } from '../../database/single-server.ts';
import { restartDelay } from '../../scaling/backoff.ts';
import type { DatabaseObservation } from '../observation.ts';
import { PreparationOutdated } from '../platform.ts';
import { requireProgram } from '../programs.ts';
import { writeFileSafely } from './json-file.ts';
import { logFile } from './machine-instances.ts';
import { DATABASE, type ProcessRecord } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';
import { ownUser, type StateFolder } from './state-folder.ts';
import { endedUnheard, takenPort } from './taken-port.ts';

/** The database of a prepared application. Holds passwords. */
export type PreparedDatabase =
  | { readonly topology: 'none' }
  | { readonly topology: 'external'; readonly url: string; readonly address: string }
  | {
      readonly topology: 'single';
      readonly port: number;
      readonly memory: number;
      readonly accounts: DatabaseAccounts;
      /** URL of the administrator, without a database. */
      readonly adminUrl: string;
    };

type Single = Extract<PreparedDatabase, { topology: 'single' }>;

/** Where a server of the application's own listens. */
const HOST = '127.0.0.1';
/** How long one answer may take, and pauses between questions until it is ready and after; ms. */
const PROBE_TIMEOUT = 2_000;
const STARTING_INTERVAL = 30;
const INTERVAL = 5_000;
/** How long a shutdown may take before it is ended by force, after which the redo log restores the data; ms. */
const SHUTDOWN_TIMEOUT = 60_000;
/** Deaths in a row after which it is called failed. */
const FAILED_AFTER = 2;

export interface DatabaseParts {
  readonly table: ProcessTable;
  readonly state: StateFolder;
  /** Where programs are looked for, as in PATH. */
  readonly searchPath: string;
}

/** The last attempt that did not lead to a server that runs, and how many did not in a row. */
interface FailedStart {
  readonly at: number;
  readonly failures: number;
  readonly problem: string;
}

export class MachineDatabase {
  readonly #parts: DatabaseParts;
  readonly #onChange: () => void;
  readonly #end = new AbortController();
  #prepared: PreparedDatabase = { topology: 'none' };
  #answers = false;
  #wasReady = false;
  #problem: string | undefined;
  /** The accounts that the running server has; none until it has been asked. */
  #accountsInForce: DatabaseAccounts | undefined;
  #starting = false;
  #failedStart: FailedStart | undefined;
  #watching = false;

  constructor(parts: DatabaseParts, onChange: () => void) {
    this.#parts = parts;
    this.#onChange = onChange;
  }

  observe(prepared: PreparedDatabase, now: number): DatabaseObservation {
    this.#prepared = prepared;
    switch (prepared.topology) {
      case 'none':
        return { state: 'none' };
      case 'external':
        this.#watch();
        return { ...this.#answered(), address: prepared.address };
      case 'single':
        return { ...this.#observeSingle(now), address: `${HOST}:${prepared.port}` };
    }
  }

  /** Starts the server in the background; the data folder is made the first time. */
  async start(prepared: PreparedDatabase): Promise<void> {
    if (prepared.topology !== 'single' || this.#starting || this.#parts.table.isRunning(DATABASE)) return;
    this.#starting = true;
    try {
      await this.#startServer(prepared);
      this.#failedStart = undefined;
    } catch (error) {
      const failures = (this.#failedStart?.failures ?? 0) + 1;
      this.#failedStart = { at: Date.now(), failures, problem: reasonOf(error) };
      throw error;
    } finally {
      this.#starting = false;
    }
    this.#watch();
  }

  /** Ends the server cleanly; by force after a minute or once `hurry` is aborted. */
  async stop(hurry: AbortSignal): Promise<void> {
    this.#end.abort();
    if (!this.#parts.table.isRunning(DATABASE)) return;
    this.#parts.table.signalLeader(DATABASE, 'SIGTERM');
    const limit = AbortSignal.any([hurry, AbortSignal.timeout(SHUTDOWN_TIMEOUT)]);
    while (this.#parts.table.isRunning(DATABASE)) {
      if (limit.aborted) this.#parts.table.signal(DATABASE, 'SIGKILL');
      await sleep(20);
    }
  }

  close(): void {
    this.#end.abort();
  }

  async #startServer(prepared: Single): Promise<void> {
    await this.#requirePort(prepared);
    const folder = this.#parts.state.database;
    const runsAsRoot = ownUser() === 0;
    const paths = serverPaths(folder);
    const { searchPath } = this.#parts;
    await initialiseDataFolder({ folder: paths.data, searchPath, signal: this.#end.signal });
    const socketPath = join(this.#parts.state.sockets, 'database.sock');
    const server = singleServer({
      folder,
      temporary: await emptyTemporaryFolder(folder),
      socketPath,
      port: prepared.port,
      memory: prepared.memory,
      runsAsRoot,
    });
    await writeFileSafely(paths.defaults, server.defaultsFile);
    await writeFileSafely(paths.accounts, accountsSql(prepared.accounts));
    this.#accountsInForce = prepared.accounts;
    await this.#parts.table.start(
      { id: DATABASE, host: HOST, port: prepared.port },
      {
        program: requireProgram('mariadbd', searchPath),
        args: server.args,
        env: { PATH: searchPath },
        cwd: folder,
        output: logFile(this.#parts.state.logs, DATABASE),
      },
    );
  }

  /** Another is chosen when somebody else has got it before the server did. */
  async #requirePort({ port }: Single): Promise<void> {
    if (!endedUnheard(this.#parts.table.get(DATABASE))) return;
    const taken = await takenPort(HOST, [port]);
    if (taken !== undefined) throw new PreparationOutdated(`${taken}; the database gets another one`);
  }

  #observeSingle(now: number): DatabaseObservation {
    const record = this.#parts.table.get(DATABASE);
    if (this.#starting) return { state: 'starting' };
    if (!this.#parts.table.isRunning(DATABASE)) return this.#observeStopped(record, now);
    this.#watch();
    return { ...this.#answered(), ...defined({ pid: record?.identity?.pid }) };
  }

  #observeStopped(record: ProcessRecord | undefined, now: number): DatabaseObservation {
    const last = this.#failedStart ?? (record && endOf(record));
    if (last === undefined) return { state: 'absent' };
    const { at, failures, problem } = last;
    if (now - at >= restartDelay(failures)) return { state: 'absent', problem };
    return { state: failures >= FAILED_AFTER ? 'failed' : 'starting', problem };
  }

  #answered(): DatabaseObservation {
    const problem = this.#problem === undefined ? {} : { problem: this.#problem };
    if (this.#answers) return { state: 'ready' };
    return this.#wasReady ? { state: 'unready', ...problem } : { state: 'starting', ...problem };
  }

  #watch(): void {
    if (this.#watching || this.#end.signal.aborted) return;
    this.#watching = true;
    void this.#keepAsking().finally(() => (this.#watching = false));
  }

  async #keepAsking(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted && this.#isThere()) {
      const before = this.#answers;
      this.#problem = await this.#ask();
      this.#answers = this.#problem === undefined;
      if (this.#answers) await this.#noteReady();
      if (before !== this.#answers) this.#onChange();
      const pause = this.#answers ? INTERVAL : STARTING_INTERVAL;
      await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined);
    }
    this.#answers = false;
  }

  #isThere(): boolean {
    return this.#prepared.topology === 'external' || this.#parts.table.isRunning(DATABASE);
  }

  /** Undefined when it answers and knows the accounts; otherwise what is wrong. */
  async #ask(): Promise<string | undefined> {
    const prepared = this.#prepared;
    if (prepared.topology === 'none') return 'there is no database';
    const url = prepared.topology === 'single' ? prepared.adminUrl : prepared.url;
    const answer = await probeDatabase(url, PROBE_TIMEOUT, this.#end.signal);
    if (!answer.answers) return answer.reason;
    return prepared.topology === 'single' ? this.#ensureAccounts(prepared) : undefined;
  }

  /** A service that joins while the server runs gets its account at once, others are left alone. */
  async #ensureAccounts({ accounts, adminUrl }: Single): Promise<string | undefined> {
    const before = this.#accountsInForce;
    // A server that was adopted may have others: then all are set anew.
    const statements =
      before === undefined ? lines(accountsSql(accounts)) : accountsChangeSql(before, accounts);
    if (statements.length === 0) return undefined;
    try {
      const connection = await createConnection(connectionOptions(adminUrl));
      try {
        for (const statement of statements) await connection.query(statement);
      } finally {
        connection.destroy();
      }
      this.#accountsInForce = accounts;
      return undefined;
    } catch (error) {
      return `the accounts could not be set up: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  async #noteReady(): Promise<void> {
    this.#wasReady = true;
    if (this.#parts.table.get(DATABASE)?.readyAt === undefined)
      await this.#parts.table.update(DATABASE, { readyAt: Date.now() });
  }
}

function endOf({ exitedAt = 0, failures, exit = 'ended' }: ProcessRecord): FailedStart {
  return { at: exitedAt, failures, problem: `mariadbd: ${exit}` };
}

function lines(sql: string): string[] {
  return sql.split(';\n').filter((line) => line !== '');
}

/** What went wrong, and what the program said that was run for it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
