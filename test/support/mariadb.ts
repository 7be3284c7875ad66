/**
 * A real MariaDB server for a test, in a folder of its own that goes with it. System tables are made once
 * a process and copied. Commits of such a server survive its kill, but not a power cut: that is faster,
 * and no test cuts the power.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { constants, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { accountsSql, adminUser, type DatabaseAccounts } from '../../src/database/accounts.ts';
import { connectionUrl } from '../../src/database/connection-url.ts';
import { emptyTemporaryFolder, initialiseDataFolder } from '../../src/database/data-folder.ts';
import { probeDatabase } from '../../src/database/probe.ts';
import { requireProgram } from '../../src/platform/programs.ts';
import { singleServer, type SingleServer } from '../../src/database/single-server.ts';

export interface TestServer {
  /** The server's own folder. */
  readonly folder: string;
  readonly port: number;
  readonly configuration: SingleServer;
  /** URL of the administrator, for `database` or the one named. */
  url(database?: string): string;
  /** URL of any account, for the application's database. */
  urlOf(account: { user: string; password: string }): string;
  /** Starts it (again), with these accounts or the ones before; ready when this resolves. */
  start(accounts?: DatabaseAccounts): Promise<void>;
  /** Ends it at once by SIGKILL. */
  kill(): Promise<void>;
  /** Ends it in an orderly way. */
  stop(): Promise<void>;
  /** What it has written to its error log since it was started last. */
  log(): string;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

/** The accounts of a server for which a test names none. */
export const testAccounts: DatabaseAccounts = {
  database: 'app',
  admin: { user: adminUser, password: 'admin-password' },
  migrator: { user: 'holdfast-migrator', password: 'migrator-password' },
  services: [{ user: 'holdfast-service-login', password: 'login-password' }],
};

const startTimeoutMs = 60_000;
const megabyte = 1_048_576;
const runsAsRoot = process.getuid?.() === 0;
const searchPath = process.env['PATH'] ?? '';
const never = new AbortController().signal;

/** One promise for the whole process: every server starts from a copy of the same folder. */
const template: { made?: Promise<string> } = {};

async function makeTemplate(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'holdfast-mariadb-template-'));
  process.once('exit', () => {
    rmSync(parent, { recursive: true, force: true });
  });
  const folder = join(parent, 'data');
  await initialiseDataFolder({ folder, searchPath, signal: never });
  return folder;
}

/** Starts a server whose accounts are `accounts`; `options` are further arguments of `mariadbd`. */
export async function startMariadb(
  accounts: DatabaseAccounts = testAccounts,
  options: readonly string[] = [],
): Promise<TestServer> {
  template.made ??= makeTemplate();
  const from = await template.made;
  const folder = await mkdtemp(join(tmpdir(), 'holdfast mariadb-'));
  const server = new MariadbProcess(folder, await freePort(), options, accounts);
  await mkdir(server.configuration.paths.data, { mode: 0o700 });
  await cp(from, server.configuration.paths.data, { recursive: true, mode: constants.COPYFILE_FICLONE });
  await server.start();
  return server;
}

class MariadbProcess implements TestServer {
  readonly folder: string;
  readonly port: number;
  readonly configuration: SingleServer;
  readonly #options: readonly string[];
  #accounts: DatabaseAccounts;
  #child: ChildProcess | undefined;
  #log = '';

  constructor(folder: string, port: number, options: readonly string[], accounts: DatabaseAccounts) {
    this.folder = folder;
    this.port = port;
    this.#options = options;
    this.#accounts = accounts;
    this.configuration = singleServer({
      folder,
      socketPath: join(folder, 'mariadb.sock'),
      port,
      memory: 32 * megabyte,
      temporary: join(folder, 'temporary'),
      runsAsRoot,
    });
  }

  url(database = this.#accounts.database): string {
    return this.#url(this.#accounts.admin, database);
  }

  urlOf(account: { user: string; password: string }): string {
    return this.#url(account, this.#accounts.database);
  }

  #url(account: { user: string; password: string }, database: string): string {
    const { user, password } = account;
    return connectionUrl({ user, password, host: '127.0.0.1', port: this.port, database });
  }

  async start(accounts = this.#accounts): Promise<void> {
    this.#accounts = accounts;
    const { paths, defaultsFile, args } = this.configuration;
    await emptyTemporaryFolder(this.folder);
    await writeFile(paths.defaults, defaultsFile);
    await writeFile(paths.accounts, accountsSql(accounts), { mode: 0o600 });
    const program = requireProgram('mariadbd', searchPath);
    this.#log = '';
    // The server dies with this process, however that ends.
    const own = [`--tmpdir=${this.folder}`];
    const command = ['--pdeathsig', 'KILL', program, ...args, ...fast, ...own, ...this.#options];
    const child = spawn('setpriv', command, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    child.stderr.on('data', (chunk: Buffer) => {
      this.#log += chunk.toString();
    });
    const giveUp = AbortSignal.timeout(startTimeoutMs);
    while (!(await probeDatabase(this.url(), 1_000, giveUp)).answers) {
      if (child.exitCode !== null || giveUp.aborted) throw new Error(`no server: ${this.#log}`);
      await delay(10);
    }
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => {
      child.once('exit', resolve);
    });
    child.kill(signal);
    await ended;
  }

  log(): string {
    return this.#log;
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * Less to write to the disk; what a kill of the process can lose stays the same. No certificate, which takes a server
 * from 11.4 on seconds to make, at each start.
 */
const fast = [
  '--skip-ssl',
  '--innodb-flush-method=nosync',
  '--innodb-log-file-size=16M',
  '--innodb-buffer-pool-dump-at-shutdown=OFF',
];

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
