/**
 * The shadow: a throwaway mariadbd beside the migrator, on which migrations are tried before they run on the
 * live server. It has a folder of its own with mode 0700, listens on a Unix socket in it and on no network,
 * writes nothing durably, loads no plugins and can read no file outside its folder. It dies with this
 * process, however that ends; a folder that a killed process has left is removed by the next shadow.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { access, mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection, type Connection } from 'mysql2/promise';
import { OperationError } from '../../app/failure.ts';
import { requireProgram } from '../../platform/programs.ts';
import { folderPrefix, sweepFolders } from './leftover-folders.ts';
import type { LiveSettings } from './live-settings.ts';

export interface ShadowOptions {
  /** Where its folder is made; on a file system with 200 MB left. */
  readonly temporary: string;
  /** Where programs are looked for, as in PATH. */
  readonly searchPath: string;
  /** What of the live server decides about how a schema comes out. */
  readonly live: LiveSettings;
  readonly signal: AbortSignal;
}

export interface ShadowServer extends AsyncDisposable {
  /** A connection to its copy of the database, as the migrator's user, who may do everything there. */
  connect(options?: { multipleStatements: boolean }): Promise<Connection>;
  /** The folder with the files of its database; none when there are several databases. */
  databaseFolder(): Promise<string | undefined>;
}

/** How long the system tables and the start may take on a busy machine, in ms; a second is usual. */
const startTimeoutMs = 60_000;
const pollMs = 15;

/** Small, and nothing has to survive it. */
const settings = [
  '--skip-networking',
  // From 11.4 on a server makes a certificate at each start, which takes seconds.
  '--skip-ssl',
  '--skip-log-bin',
  '--skip-slave-start',
  '--event-scheduler=OFF',
  '--performance-schema=OFF',
  '--innodb-buffer-pool-size=24M',
  '--innodb-log-file-size=8M',
  '--innodb-log-buffer-size=2M',
  '--innodb-data-file-path=ibdata1:1M:autoextend',
  '--innodb-temp-data-file-path=ibtmp1:1M:autoextend',
  '--innodb-flush-method=nosync',
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-doublewrite=OFF',
  '--sync-frm=OFF',
  // The logs of schema changes and of Aria, which each of them would wait for several times.
  '--loose-debug-no-sync',
  '--innodb-buffer-pool-dump-at-shutdown=OFF',
  '--innodb-buffer-pool-load-at-startup=OFF',
  '--aria-pagecache-buffer-size=8M',
  '--key-buffer-size=1M',
  '--max-connections=10',
] as const;

/**
 * Starts one. Throws `UserError` when mariadbd is not installed, `OperationError` when it does not start.
 * The caller disposes of it.
 */
export async function startShadow(options: ShadowOptions): Promise<ShadowServer> {
  const { temporary, searchPath, live } = options;
  const program = requireProgram('mariadbd', searchPath);
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(startTimeoutMs)]);
  await mkdir(temporary, { recursive: true });
  await sweepFolders(temporary);
  const folder = await mkdtemp(join(temporary, await folderPrefix()));
  try {
    const data = join(folder, 'data');
    await mkdir(data, { mode: 0o700 });
    await mkdir(join(folder, 'files'), { mode: 0o700 });
    const args = argumentsOf(folder, live);
    await bootstrap(program, [...args, '--bootstrap'], { input: await systemTables(program, live), signal });
    const server = new ShadowProcess(folder, live);
    await server.start(program, args, signal);
    return server;
  } catch (error) {
    const log = await lastLines(join(folder, 'error.log'));
    await rm(folder, { recursive: true, force: true });
    options.signal.throwIfAborted();
    if (error instanceof OperationError) throw error;
    throw new OperationError(`the shadow server did not start${log}`, { cause: error });
  }
}

function argumentsOf(folder: string, { startOptions }: LiveSettings): string[] {
  return [
    '--no-defaults',
    `--datadir=${join(folder, 'data')}`,
    `--socket=${socketOf(folder)}`,
    `--pid-file=${join(folder, 'pid')}`,
    `--log-error=${join(folder, 'error.log')}`,
    `--tmpdir=${join(folder, 'files')}`,
    `--secure-file-priv=${join(folder, 'files')}`,
    ...settings,
    ...Object.entries(startOptions).map(([name, value]) => `--${name.replaceAll('_', '-')}=${value}`),
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
  ];
}

function socketOf(folder: string): string {
  return join(folder, 's');
}

/** Where a Debian package, and one of MariaDB's own, keep the SQL of the system tables, beside the program. */
const shareFolders = ['../share/mysql', '../share/mariadb', '../share'];
/** From 11.0 on, and before. */
const systemTableFiles = ['mariadb_system_tables.sql', 'mysql_system_tables.sql'];

/** One statement a line, as the server's bootstrap mode reads them: the system tables and the migrator's accounts. */
async function systemTables(program: string, { user, host }: LiveSettings): Promise<string> {
  const accounts = ['localhost', host].map(
    (host) => `REPLACE INTO global_priv VALUES (${literal(host)}, ${literal(user)}, ${literal(allRights)});`,
  );
  const tables = await readFile(await systemTableFile(program), 'utf8');
  return ['CREATE DATABASE IF NOT EXISTS mysql;', 'USE mysql;', tables, ...accounts, ''].join('\n');
}

async function systemTableFile(program: string): Promise<string> {
  const folders = shareFolders.map((share) => join(dirname(program), share));
  for (const file of folders.flatMap((folder) => systemTableFiles.map((name) => join(folder, name)))) {
    const found = await access(file).then(
      () => true,
      // Not there: it is in another of the folders.
      () => false,
    );
    if (found) return file;
  }
  throw new OperationError(`the file ${systemTableFiles.join(' or ')} is not beside ${program}`);
}

/** No password: whoever may reach the socket is this user. */
const allRights =
  '{"access":18446744073709551615,"plugin":"mysql_native_password","authentication_string":""}';

function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** The child dies with this process (and not only with its own parent's good will). */
function spawnBound(program: string, args: readonly string[]): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], { stdio: ['pipe', 'ignore', 'ignore'] });
}

async function bootstrap(
  program: string,
  args: readonly string[],
  { input, signal }: { input: string; signal: AbortSignal },
): Promise<void> {
  const child = spawnBound(program, args);
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  // It may end before it has read all: its exit code tells.
  child.stdin?.on('error', () => undefined).end(input);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`mariadbd ended with ${code ?? 'a signal'}`);
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

const systemFolders = new Set(['mysql', 'performance_schema', 'sys', 'test']);

class ShadowProcess implements ShadowServer {
  readonly #folder: string;
  readonly #live: LiveSettings;
  readonly #connections: Connection[] = [];
  #child: ChildProcess | undefined;

  constructor(folder: string, live: LiveSettings) {
    this.#folder = folder;
    this.#live = live;
  }

  async start(program: string, args: readonly string[], signal: AbortSignal): Promise<void> {
    const child = spawnBound(program, args);
    this.#child = child;
    let failure: unknown;
    child.once('error', (error) => {
      failure = error;
    });
    child.stdin?.end();
    try {
      for (;;) {
        signal.throwIfAborted();
        if (failure !== undefined || child.exitCode !== null)
          throw new Error(`mariadbd ended with ${child.exitCode ?? String(failure)}`);
        if (await this.#makeDatabase()) return;
        await delay(pollMs, undefined, { signal });
      }
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  /** False while it does not listen yet. */
  async #makeDatabase(): Promise<boolean> {
    try {
      const connection = await this.#open({});
      await connection.query(this.#live.createDatabase);
      connection.destroy();
      return true;
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === 'ENOENT' || code === 'ECONNREFUSED') return false;
      throw error;
    }
  }

  async connect(options = { multipleStatements: false }): Promise<Connection> {
    const connection = await this.#open({ ...options, database: this.#live.database });
    this.#connections.push(connection);
    return connection;
  }

  async databaseFolder(): Promise<string | undefined> {
    const data = join(this.#folder, 'data');
    const entries = await readdir(data, { withFileTypes: true });
    const [folder, ...others] = entries.filter(
      (entry) => entry.isDirectory() && !systemFolders.has(entry.name),
    );
    return folder && others.length === 0 ? join(data, folder.name) : undefined;
  }

  async #open(options: { database?: string; multipleStatements?: boolean }): Promise<Connection> {
    const { user } = this.#live;
    const connection = await createConnection({
      socketPath: socketOf(this.#folder),
      user,
      charset: 'utf8mb4',
      ...options,
    });
    // A lost connection fails the query that runs, or the next one.
    connection.on('error', () => undefined);
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await this.#end();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => {
      child.once('exit', resolve);
    });
    child.kill('SIGKILL');
    await ended;
  }
}

const mostLogBytes = 2_000;

async function lastLines(path: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const length = Math.min(size, mostLogBytes);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
      const errors = buffer
        .toString()
        .split('\n')
        .filter((line) => line.includes('[ERROR]'));
      return errors.length === 0 ? '' : `: ${errors.join('; ')}`;
    } finally {
      await file.close();
    }
  } catch {
    // No log: the cause says what there is to say.
    return '';
  }
}
