/** An instance on a machine of its own, a network namespace with a cable, which can die without a word. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const MAIN = fileURLToPath(new URL('far-instance-main.ts', import.meta.url));
/** Addresses for tests of network devices, RFC 2544. */
const NETWORK = `198.18.${process.pid % 250}`;
const run = promisify(execFile);
const ip = async (...args: string[]): Promise<void> => void (await run('ip', args));

export class FarInstance {
  readonly name: string;
  readonly port = 8080;
  readonly host: string;
  readonly #router: string;
  readonly #space: string;
  #process: ChildProcess | undefined;

  /** @param number of the machine, 0 to 60: no two in one test */
  constructor(name: string, number: number) {
    this.name = name;
    this.#space = `hf${process.pid}-${number}`;
    this.host = `${NETWORK}.${number * 4 + 2}`;
    this.#router = `${NETWORK}.${number * 4 + 1}`;
  }

  async start(): Promise<this> {
    const [space, near] = [this.#space, `${this.#space}n`];
    await ip('netns', 'add', space);
    await ip('link', 'add', near, 'type', 'veth', 'peer', 'name', 'far', 'netns', space);
    await ip('address', 'add', `${this.#router}/30`, 'dev', near);
    await ip('link', 'set', near, 'up');
    await ip('-n', space, 'address', 'add', `${this.host}/30`, 'dev', 'far');
    await ip('-n', space, 'link', 'set', 'far', 'up');
    const args = ['netns', 'exec', space, process.execPath, MAIN, this.name, String(this.port)];
    const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#process = child;
    await once(child.stdout, 'data');
    return this;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** From now on nothing comes from there, as after a power cut. */
  async die(): Promise<void> {
    await ip('-n', this.#space, 'link', 'set', 'far', 'down');
  }

  async close(): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await ip('netns', 'delete', this.#space);
  }
}
