/**
 * Makes a server's data folder. It is built under another name beside its place and moved there when it
 * is complete, so a folder with the right name is always a whole one, however the maker ended.
 */

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OperationError } from '../app/failure.ts';
import { requireProgram } from '../platform/programs.ts';

export interface DataFolderOptions {
  /** Where the data will be; nothing happens when it is there already. */
  readonly folder: string;
  /** Where programs are looked for, as in PATH. */
  readonly searchPath: string;
  readonly signal: AbortSignal;
}

/** How long the system tables may take to be made, in ms; a second is usual. */
const installTimeoutMs = 120_000;

/** How much of the installer's output is kept for a message, in characters. */
const keptOutput = 4_000;

/**
 * Makes `folder` with MariaDB's system tables, no test database and no account that can log in without
 * being this user or root of the system. Returns whether it had to be made.
 * Throws `UserError` when the server is not installed, `OperationError` when the installer fails.
 */
export async function initialiseDataFolder(options: DataFolderOptions): Promise<boolean> {
  const { folder, signal } = options;
  if (await exists(folder)) return false;
  const installer = requireProgram('mariadb-install-db', options.searchPath);
  requireProgram('mariadbd', options.searchPath);
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await removeLeftovers(parent, leftoverPrefix(folder));
  signal.throwIfAborted();
  const unfinished = await mkdtemp(join(parent, leftoverPrefix(folder)));
  // In a folder that it shares, another server that starts would remove its temporary tables.
  const temporary = await mkdtemp(join(parent, leftoverPrefix(folder)));
  try {
    await install(installer, installerArguments(unfinished), { ...options, temporary });
    return await moveIntoPlace(unfinished, folder);
  } finally {
    for (const made of [unfinished, temporary]) await rm(made, { recursive: true, force: true });
  }
}

/** No `--user`: with it the installer would change the owner of the system's plugins. */
function installerArguments(folder: string): string[] {
  return [
    '--no-defaults',
    // Names of hosts are not used, so none need be resolved.
    '--force',
    '--skip-test-db',
    '--auth-root-socket-user=root',
    `--datadir=${folder}`,
  ];
}

async function install(
  installer: string,
  args: readonly string[],
  { signal, searchPath, temporary }: DataFolderOptions & { readonly temporary: string },
): Promise<void> {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(installTimeoutMs)]);
  // A group of its own, so that the server which the script starts can be ended with it.
  const child = spawn(installer, args, {
    detached: true,
    env: { PATH: searchPath, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-keptOutput);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  ended.addEventListener('abort', kill, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    signal.throwIfAborted();
    if (code !== 0) throw new Error(output.trim() || `it ended with ${code ?? 'a signal'}`);
  } catch (error) {
    signal.throwIfAborted();
    throw new OperationError(`the database's data folder could not be made by ${installer}`, {
      cause: error,
    });
  } finally {
    ended.removeEventListener('abort', kill);
  }
}

/** False when somebody else was faster: then theirs stays. */
async function moveIntoPlace(unfinished: string, folder: string): Promise<boolean> {
  try {
    await rename(unfinished, folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw new OperationError(`the database's data could not be moved to ${folder}`, { cause: error });
  }
  const parent = await open(dirname(folder));
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
  return true;
}

function leftoverPrefix(folder: string): string {
  return `${basename(folder)}.unfinished-`;
}

/** Of runs that were killed. One that is still at work loses its folder, fails, and can be repeated. */
async function removeLeftovers(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix)) await rm(join(parent, name), { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * An empty folder below `parent`, for a server's temporary files: they can be larger than the memory or disk that
 * /tmp is on, and a server that starts removes whatever another one has in the same folder.
 */
export async function emptyTemporaryFolder(parent: string): Promise<string> {
  const folder = join(parent, 'temporary');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}
