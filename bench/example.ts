/**
 * The example application in a temporary folder, driven by the command line as a user would. Disposing
 * of it ends everything that runs of it and removes the folder.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Status } from '../src/controller/status.ts';
import { controlSocket, stateFolder } from '../src/platform/machine/state-folder.ts';
import { eventually } from './condition.ts';
import { freePort } from './free-port.ts';
import { findProcesses } from './process-cost.ts';

const HOST = '127.0.0.1';
/** A verb that takes longer is ended, and the bench fails; ms. */
const VERB_TIMEOUT_MS = 90_000;
const DEMO_MEMBER = { email: 'alice@example.org', password: 'holdfast' };

const repository = fileURLToPath(new URL('..', import.meta.url));

export class Example implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.url = `http://${HOST}:${port}`;
  }

  /** A copy that has never run. Its router has a port of its own, known before the first start. */
  static async create(): Promise<Example> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
    const port = await freePort();
    await cp(join(repository, 'examples/community'), folder, {
      recursive: true,
      filter: (path) => !['.holdfast', 'node_modules'].includes(basename(path)),
    });
    await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'));
    await appendFile(join(folder, 'holdfast.yaml'), `\nrouter: { port: ${port} }\n`);
    return new Example(folder, port);
  }

  /** Runs a verb to its end. @returns its output @throws with it when the verb fails */
  async verb(...args: readonly string[]): Promise<string> {
    const child = spawn(process.execPath, [join(repository, 'src/main.ts'), ...args], {
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: VERB_TIMEOUT_MS,
    });
    let [output, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`holdfast ${args.join(' ')} ended with ${code}: ${output}${errors}`);
    return output;
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.verb('status', '--json')) as Status;
  }

  /** Process ids of everything that runs of it. */
  async processes(): Promise<number[]> {
    const { services, database, router } = await this.status();
    const instances = services.flatMap((service) => service.instances);
    const started = [...instances, database, router].flatMap(({ pid }) =>
      typeof pid === 'number' ? [pid] : [],
    );
    return [...started, this.controller()];
  }

  /** Process id of the controller behind `up --detach`. */
  controller(): number {
    const [pid] = findProcesses('controller', join(this.#folder, 'holdfast.yaml'));
    if (pid === undefined) throw new Error('no controller runs');
    return pid;
  }

  /** Where the running router takes commands. */
  get runtimeSocket(): string {
    return join(stateFolder(this.#folder).sockets, 'router.sock');
  }

  /** Where its controller takes commands. */
  get controlSocket(): string {
    return controlSocket(stateFolder(this.#folder));
  }

  /** Waits until a member can log in through the router. */
  async loginAnswers(): Promise<void> {
    const request: RequestInit = {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-user': DEMO_MEMBER.email },
      body: JSON.stringify(DEMO_MEMBER),
    };
    await this.#answers('/login/session', request);
  }

  /** Waits until the page comes through the router. */
  async communityAnswers(): Promise<void> {
    await this.#answers('/', {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.verb('down');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #answers(path: string, request: RequestInit): Promise<void> {
    await eventually(`${path} answers`, async () => {
      const response = await fetch(`${this.url}${path}`, request).catch(() => undefined);
      await response?.arrayBuffer();
      return response?.ok === true ? true : undefined;
    });
  }
}
