/** HAProxy as a child of the router: it ends with it, and its words go to the router's log. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { haproxyArguments } from '../../../routing/haproxy-config.ts';
import { requireProgram } from '../../programs.ts';

export interface ProcessPlace {
  /** The folder with its maps. */
  readonly folder: string;
  readonly config: string;
  /** The router's name among its peers. */
  readonly name: string;
  readonly searchPath: string;
}

/** How long HAProxy may take to end once it was told to end at once; ms. */
const END_TIMEOUT = 3_000;

export class HaproxyProcess {
  readonly #place: ProcessPlace;
  readonly #log: (text: string) => void;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(place: ProcessPlace, log: (text: string) => void) {
    this.#place = place;
    this.#log = log;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Fulfilled when the one that was last started has ended. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Starts it from its files. It is told to end when this process dies. @throws UserError when it is not installed */
  start(): void {
    const { folder, config, name, searchPath } = this.#place;
    const program = requireProgram('haproxy', searchPath);
    // HAProxy hears of this process's death from the kernel.
    const args = ['--pdeathsig', 'TERM', '--', program, ...haproxyArguments(config, name)];
    const child = spawn('setpriv', args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: searchPath },
    });
    for (const output of [child.stdout, child.stderr]) createInterface(output).on('line', this.#log);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const over = (how: string): void => {
        if (this.#child !== child) return;
        this.#child = undefined;
        this.#log(`HAProxy ended: ${how}`);
        resolve();
      };
      child.once('error', (error) => over(error.message));
      child.once('exit', (code, signal) => over(signal ?? `code ${code}`));
    });
  }

  /** How many workers it has: more than one while requests go on in one that another has replaced. */
  async workers(): Promise<number> {
    const pid = this.#child?.pid;
    if (pid === undefined) return 0;
    // Without the file it has just ended.
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    return children.split(' ').filter((child) => child !== '').length;
  }

  /** To the master. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Lets requests in flight finish, for `patience` ms at most, and takes no new connections meanwhile. */
  async finish(patience: number, hurry: AbortSignal): Promise<void> {
    this.signal('SIGUSR1');
    await this.#endedWithin(patience, hurry);
    this.signal('SIGTERM');
    await this.#endedWithin(END_TIMEOUT);
    this.signal('SIGKILL');
    await this.#ended;
  }

  async #endedWithin(time: number, hurry?: AbortSignal): Promise<void> {
    if (!this.isRunning || hurry?.aborted === true) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, time);
    hurry?.addEventListener('abort', () => resolve(), { once: true });
    await Promise.race([this.#ended, promise]);
    clearTimeout(timer);
  }
}
