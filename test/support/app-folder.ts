/**
 * An application in a temporary folder, driven by the command line as a user would. However a test ends,
 * `dispose` leaves no process and no file of it behind. Its processes are found by what the kernel says
 * of them, not by the application's own records.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Status } from '../../src/controller/status.ts';
import { MARK } from '../../src/platform/machine/process-identity.ts';
import { stateFolder, type StateFolder } from '../../src/platform/machine/state-folder.ts';
import { eventually } from './haproxy.ts';

/** A verb that has not ended after this is killed and the test fails; ms. */
export const VERB_TIMEOUT_MS = 60_000;

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface AppFolderOptions {
  /** Further files by their path in the folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** The folder's own name, below a temporary one. */
  readonly name?: string;
  /** Who owns the folder and runs the verbs, instead of the user of this process. */
  readonly user?: number;
  /** Added to the environment of the verbs. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Result {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A verb that runs. */
export interface Running {
  readonly pid: number;
  readonly result: Promise<Result>;
  /** What it has written so far, to either output. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
}

/** A process of the application, its controller and verbs included. */
export interface FoundProcess {
  readonly pid: number;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** `login-1`, `database` or `router`; none for the controller, the verbs and what they run. */
  readonly id?: string;
  /** One for each start of an id. */
  readonly mark?: string;
}

export class AppFolder implements AsyncDisposable {
  readonly path: string;
  readonly state: StateFolder;
  readonly #parent: string;
  readonly #options: AppFolderOptions;

  private constructor(parent: string, options: AppFolderOptions) {
    this.#parent = parent;
    this.#options = options;
    this.path = join(parent, options.name ?? 'app');
    this.state = stateFolder(this.path);
  }

  /** Writes `holdfast.yaml`, with any free port for the router unless the text has a `router`, and the files. */
  static async create(yaml: string, options: AppFolderOptions = {}): Promise<AppFolder> {
    const parent = await mkdtemp(join(tmpdir(), 'holdfast-app-'));
    const folder = new AppFolder(parent, options);
    await mkdir(folder.path, { recursive: true });
    const { user } = options;
    if (user !== undefined) for (const path of [parent, folder.path]) await chown(path, user, user);
    const router = /^router:/m.test(yaml) ? '' : '\nrouter: { port: 0 }\n';
    await folder.write('holdfast.yaml', `${yaml}${router}`);
    for (const [file, text] of Object.entries(options.files ?? {})) await folder.write(file, text);
    return folder;
  }

  /** Writes a file of the folder, as its owner. */
  async write(file: string, text: string): Promise<void> {
    const path = join(this.path, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    const { user } = this.#options;
    if (user !== undefined) await chown(path, user, user);
  }

  /** Replaces text in `holdfast.yaml`. */
  async edit(from: string, to: string): Promise<void> {
    const file = join(this.path, 'holdfast.yaml');
    const before = await readFile(file, 'utf8');
    const after = before.replace(from, () => to);
    if (after === before) throw new Error(`holdfast.yaml has no ${JSON.stringify(from)}`);
    await writeFile(file, after);
  }

  /** Starts a verb in the folder. It is killed, and its result rejects, when it takes too long. */
  start(args: readonly string[], timeoutMs = VERB_TIMEOUT_MS): Running {
    const { user, env } = this.#options;
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
    const as = user === undefined ? {} : { uid: user, gid: user };
    const home = user === undefined ? {} : { HOME: this.path };
    const child = spawn(process.execPath, [main, ...args], {
      cwd: this.path,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...inherited, ...home, ...env },
      ...as,
    });
    const { pid } = child;
    if (pid === undefined) throw new Error(`${process.execPath} could not be started`);
    const output = collect(child);
    const result = outcome(child, output, timeoutMs).catch((cause: unknown) => {
      throw new Error(`${args.join(' ')}: ${output.both}`, { cause });
    });
    // A test that fails before it awaits the result has reported already.
    result.catch(() => undefined);
    return { pid, result, output: () => output.both, signal: (signal) => child.kill(signal) };
  }

  /** Runs a verb to its end, whatever that is. */
  async run(args: readonly string[], timeoutMs?: number): Promise<Result> {
    return this.start(args, timeoutMs).result;
  }

  /** Runs a verb that must succeed. @throws with its output otherwise */
  async must(...args: readonly string[]): Promise<Result> {
    const result = await this.run(args);
    if (result.code === 0) return result;
    throw new Error(`${args.join(' ')} ended with ${result.code}: ${result.stdout}${result.stderr}`);
  }

  /** What `status --json` says, ready or not. @throws when no controller runs */
  async status(): Promise<Status> {
    const { stdout, stderr } = await this.run(['status', '--json']);
    if (stdout === '') throw new Error(`status: ${stderr}`);
    return JSON.parse(stdout) as Status;
  }

  /** Where the router listens. */
  async routerPort(): Promise<number> {
    return Number(new URL((await this.status()).url ?? '').port);
  }

  /** Everything that runs in this folder. */
  processes(): FoundProcess[] {
    return readdirSync('/proc').flatMap((name) => {
      const found = /^\d+$/.test(name) ? inspect(Number(name)) : undefined;
      if (found === undefined || !`${found.cwd}/`.startsWith(`${this.path}/`)) return [];
      const { cwd: _, ...process } = found;
      return [process];
    });
  }

  /** Pids of the processes that were started under an id, by id. */
  pids(): Record<string, number> {
    const leaders = this.processes().filter(({ pid }) => readStat(pid)?.session === pid);
    return Object.fromEntries(leaders.flatMap(({ id, pid }) => (id === undefined ? [] : [[id, pid]])));
  }

  /** The pid of the controller of `up --detach`. */
  controllerPid(): number | undefined {
    // Options of node may stand before the program.
    const isController = ({ command }: FoundProcess): boolean =>
      command[command.indexOf(main) + 1] === 'controller';
    return this.processes().find(isController)?.pid;
  }

  /** Ends the controller as a crash would, and waits until it is gone. False when none runs. */
  async killController(): Promise<boolean> {
    const pid = this.controllerPid();
    if (pid === undefined) return false;
    kill(pid);
    await eventually('the controller is gone', () => readStat(pid) === undefined);
    return true;
  }

  /** @throws naming what still runs; the controller may take a moment for its own end. */
  async requireEnded(): Promise<void> {
    try {
      await eventually('nothing runs', () => this.processes().length === 0);
    } catch (cause) {
      const left = this.processes().map(({ pid, id, command }) => `${pid} ${id ?? ''} ${command.join(' ')}`);
      throw new Error(`still runs: ${left.join('\n')}`, { cause });
    }
  }

  /** Ends and removes everything. @throws when `down` said that all has ended and it has not */
  async dispose(): Promise<void> {
    try {
      const { code } = await this.run(['down']);
      if (code === 0) await this.requireEnded();
    } finally {
      for (const { pid } of this.processes()) kill(pid);
      await rm(this.#parent, { recursive: true, force: true, maxRetries: 5 });
      await rm(this.state.sockets, { recursive: true, force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

interface Output {
  stdout: string;
  stderr: string;
  both: string;
}

function collect(child: ChildProcess): Output {
  const output = { stdout: '', stderr: '', both: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      output.both += text;
    });
  return output;
}

async function outcome(child: ChildProcess, output: Output, timeoutMs: number): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject).once('close', resolve);
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    reject(new Error(`has not ended within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    return { code: await promise, stdout: output.stdout, stderr: output.stderr };
  } finally {
    clearTimeout(timer);
  }
}

function inspect(pid: number): (FoundProcess & { cwd: string }) | undefined {
  try {
    const cwd = readlinkSync(`/proc/${pid}/cwd`);
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    const mark = environment.find((entry) => entry.startsWith(`${MARK}=`))?.slice(MARK.length + 1);
    // A zombie has no command.
    if (command.length === 0) return undefined;
    return { pid, cwd, command, ...(mark === undefined ? {} : { mark, id: mark.split('/')[1] ?? '' }) };
  } catch {
    // It has ended meanwhile, or is not ours.
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    const hasEnded = error instanceof Error && 'code' in error && error.code === 'ESRCH';
    if (!hasEnded) throw error;
  }
}

/** The session of a process that runs; see proc(5). */
function readStat(pid: number): { session: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, , , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : { session: Number(session) };
  } catch {
    return undefined;
  }
}
