/**
 * Keeps one MariaDB running on the data of its volume, with the accounts that a folder holds. At any moment
 * at most one MariaDB works on the data: the agent holds a lock, which the server inherits, and the server
 * dies with the agent. A server that ends by itself is started again, after a pause that grows, and recovers.
 */
import { statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { defined } from '../../../app/defined.ts';
import { emptyTemporaryFolder } from '../../../database/data-folder.ts';
import {
  accountsChangeSql,
  accountsSql,
  anywhere,
  type DatabaseAccounts,
} from '../../../database/accounts.ts';
import { connectionOptions, connectionUrl } from '../../../database/connection-url.ts';
import { probeDatabase } from '../../../database/probe.ts';
import { singleServer } from '../../../database/single-server.ts';
import { restartDelay, STABLE_AFTER } from '../../../scaling/backoff.ts';
import { requireProgram } from '../../programs.ts';
import { accountNames, accountsDigest, parseAccounts, readAccountFiles } from './account-files.ts';
import type { AgentSettings } from './agent-settings.ts';
import type { AgentState } from './agent-state.ts';
import { takeDataLock } from './data-lock.ts';
import { makeFolders, prepareData } from './data-place.ts';
import { diagnose, volumeProblem, type Volume } from './diagnosis.ts';
import { startServer, type ServerExit, type ServerProcess } from './server-process.ts';
import type { Version } from './server-version.ts';

/** How long another agent's server may take to end, in s. */
const lockWaitSeconds = 60;
/** How long one answer may take, and pauses between questions before and after the first one; ms. */
const probeTimeoutMs = 2_000;
const startingIntervalMs = 100;
const intervalMs = 1_000;

export interface AgentParts {
  readonly settings: AgentSettings;
  /** Where programs are looked for, as in PATH. */
  readonly searchPath: string;
  /** What the agent itself has to say, a line each. */
  readonly log: (line: string) => void;
  /** What MariaDB writes, as it comes. */
  readonly output: (text: string) => void;
}

/** Accounts as they were read. */
interface ReadAccounts {
  readonly accounts: DatabaseAccounts;
  readonly names: readonly string[];
  readonly digest: string;
}

/** What ends the agent: `end` in an orderly way, `hurry` at once. */
export interface AgentEnd {
  readonly end: AbortSignal;
  readonly hurry: AbortSignal;
}

export class DatabaseAgent {
  readonly #parts: AgentParts;
  #phase: AgentState['state'] = 'starting';
  #starts = 0;
  #version: Version | undefined;
  /** What the running server was given; in force once it answers. */
  #accounts: ReadAccounts | undefined;
  #inForce: ReadAccounts | undefined;
  #problem: string | undefined;
  #accountsProblem: string | undefined;

  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  async state(): Promise<AgentState> {
    const { names, digest } = this.#inForce ?? {};
    const volume = await volumeOf(this.#parts.settings.dataFolder);
    return {
      state: this.#phase,
      starts: this.#starts,
      ...(names && digest !== undefined ? { accounts: { names: [...names], digest } } : {}),
      ...defined({
        volume,
        version: this.#version,
        problem: this.#problem ?? this.#accountsProblem ?? (volume && volumeProblem(volume)),
      }),
    };
  }

  /**
   * Runs until `end` or `hurry` is aborted. @returns whether the server ended in an orderly way
   * @throws UserError for settings, accounts or data that a human must mend; OperationError for the rest
   */
  async run(ends: AgentEnd): Promise<boolean> {
    const { settings, searchPath } = this.#parts;
    const { end: signal } = ends;
    await makeFolders({ ...settings, searchPath });
    const path = join(settings.dataFolder, 'lock');
    const lock = await takeDataLock({ path, searchPath, waitSeconds: lockWaitSeconds, signal });
    try {
      this.#version = await prepareData({ ...settings, searchPath }, signal);
      return await this.#keepRunning(lock.fd, ends);
    } finally {
      this.#phase = 'stopping';
      await lock.close();
    }
  }

  async #keepRunning(lock: number, ends: AgentEnd): Promise<boolean> {
    for (let failures = 0; ;) {
      const server = await this.#start(lock);
      const startedAt = performance.now();
      const exit = await this.#tend(server, ends);
      this.#inForce = undefined;
      if (ends.end.aborted) return isOrderly(exit);
      failures = performance.now() - startedAt >= STABLE_AFTER ? 1 : failures + 1;
      this.#phase = 'failing';
      this.#problem = diagnose(exit);
      const pause = restartDelay(failures);
      this.#parts.log(`${this.#problem}. It is started again in ${pause / 1000} s`);
      await delay(pause, undefined, { signal: ends.end }).catch(() => undefined);
      if (ends.end.aborted) return true;
    }
  }

  async #start(lock: number): Promise<ServerProcess> {
    const { settings, searchPath, output } = this.#parts;
    this.#accounts = await this.#accountsToStart();
    const server = singleServer({
      folder: settings.dataFolder,
      scratch: settings.scratchFolder,
      socketPath: join(settings.scratchFolder, 'mariadb.sock'),
      port: settings.port,
      memory: settings.memory,
      runsAsRoot: process.getuid?.() === 0,
      bindAddress: '*',
      temporary: await emptyTemporaryFolder(settings.dataFolder),
    });
    await writeFile(server.paths.defaults, server.defaultsFile, { mode: 0o600 });
    await writeFile(server.paths.accounts, accountsSql(this.#accounts.accounts, anywhere), { mode: 0o600 });
    this.#starts += 1;
    const program = requireProgram('mariadbd', searchPath);
    return startServer({ program, args: server.args, searchPath, lock, output });
  }

  /** A server that was running goes on with the accounts that it had when the new ones can't be used. */
  async #accountsToStart(): Promise<ReadAccounts> {
    try {
      return await this.#readAccounts();
    } catch (error) {
      if (this.#accounts === undefined) throw error;
      return this.#accounts;
    }
  }

  async #readAccounts(): Promise<ReadAccounts> {
    const { accountsFolder, database } = this.#parts.settings;
    const files = await readAccountFiles(accountsFolder);
    const accounts = parseAccounts(database, files);
    return { accounts, names: accountNames(files), digest: accountsDigest(files) };
  }

  /** Looks after a server until it has ended, and ends it when the agent is to end. */
  async #tend(server: ServerProcess, { end, hurry }: AgentEnd): Promise<ServerExit> {
    const ended = new AbortController();
    const killer = new AbortController();
    const kill = (): void => {
      server.kill('SIGKILL');
    };
    const stop = (): void => {
      this.#phase = 'stopping';
      server.kill('SIGTERM');
      delay(this.#parts.settings.graceMs, undefined, { signal: killer.signal }).then(kill, () => undefined);
    };
    onAbort(end, stop, ended.signal);
    onAbort(hurry, kill, ended.signal);
    const asking = this.#keepAsking(AbortSignal.any([ended.signal, end]));
    const exit = await server.exited;
    ended.abort();
    killer.abort();
    await asking;
    return exit;
  }

  async #keepAsking(signal: AbortSignal): Promise<void> {
    let hasAnswered = false;
    while (!signal.aborted) {
      const problem = await this.#ask(signal);
      if (signal.aborted) return;
      if (problem === undefined) {
        if (!hasAnswered) this.#parts.log('MariaDB answers and has its accounts');
        hasAnswered = true;
        this.#phase = 'ready';
        this.#problem = undefined;
        await this.#followAccounts();
      } else if (hasAnswered) {
        this.#phase = 'unready';
        this.#problem = problem;
      }
      const pause = hasAnswered ? intervalMs : startingIntervalMs;
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** What is wrong, or undefined: the administrator of the accounts that it was given is let in. */
  async #ask(signal: AbortSignal): Promise<string | undefined> {
    const given = this.#accounts;
    if (given === undefined) return 'there are no accounts yet';
    const answer = await probeDatabase(this.#adminUrl(given), probeTimeoutMs, signal);
    if (!answer.answers) return `MariaDB does not answer: ${answer.reason}`;
    this.#inForce = given;
    return undefined;
  }

  /** Brings the running server to the accounts that the folder has now. */
  async #followAccounts(): Promise<void> {
    try {
      const wanted = await this.#readAccounts();
      const before = this.#accounts;
      if (before !== undefined && wanted.digest !== before.digest) {
        await this.#carryOut(before, accountsChangeSql(before.accounts, wanted.accounts, anywhere));
        this.#accounts = wanted;
        this.#inForce = wanted;
        this.#parts.log(`the accounts in force are now ${wanted.names.join(', ')}`);
      }
      this.#noteAccounts(undefined);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#noteAccounts(`the accounts could not be changed, those before stay in force: ${reason}`);
    }
  }

  #noteAccounts(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#accountsProblem) this.#parts.log(problem);
    this.#accountsProblem = problem;
  }

  async #carryOut(before: ReadAccounts, statements: readonly string[]): Promise<void> {
    const connection = await createConnection(connectionOptions(this.#adminUrl(before)));
    connection.on('error', () => undefined);
    try {
      for (const statement of statements) await connection.query({ sql: statement, timeout: probeTimeoutMs });
      await connection.end();
    } finally {
      connection.destroy();
    }
  }

  #adminUrl({ accounts }: ReadAccounts): string {
    return connectionUrl({ ...accounts.admin, host: '127.0.0.1', port: this.#parts.settings.port });
  }
}

/** A SIGTERM that ended it by itself came before it had begun to work. */
function isOrderly({ code, signal }: ServerExit): boolean {
  return code === 0 || signal === 'SIGTERM';
}

function onAbort(signal: AbortSignal, act: () => void, until: AbortSignal): void {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { once: true, signal: until });
}

/** None when it can't be asked, which the server notices by itself. */
async function volumeOf(folder: string): Promise<Volume | undefined> {
  try {
    const { bsize, blocks, bavail } = await statfs(folder);
    return { size: bsize * blocks, free: bsize * bavail };
  } catch {
    return undefined;
  }
}
