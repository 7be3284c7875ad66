/**
 * A real HAProxy for a test, run from files in a folder of its own as a platform would run it, and
 * small HTTP servers in this process as the instances behind it. `close` ends everything.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { haproxyArguments, haproxyConfig } from '../../src/routing/haproxy-config.ts';
import { HaproxyRouter } from '../../src/routing/haproxy-router.ts';
import type { OwnerTable } from '../../src/routing/owner-table.ts';
import { changesFile, mapFile, ownerMap } from '../../src/routing/router-maps.ts';
import type { RouterSpec } from '../../src/routing/router-spec.ts';
import { RuntimeSocket } from '../../src/routing/runtime-socket.ts';
import { INSTANCE_SCRIPT, INSTANCE_SCRIPT_FILE } from '../../src/routing/wait-for-instance.ts';
import { PINS_SCRIPT, PINS_SCRIPT_FILE } from '../../src/routing/wait-for-pins.ts';

export const HOST = '127.0.0.1';
/** Long enough for a machine that does twenty other things. */
const CONDITION_TIMEOUT_MS = 40_000;
/** As the product does: a second reload before the first one is done loses the pins. */
const SIGNAL_AGAIN_MS = 3_000;

/** HAProxy's program; ordinary users often lack `/usr/sbin` in their PATH. */
export async function haproxyBinary(): Promise<string> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    const binary = join(folder, 'haproxy');
    const found = await access(binary).then(
      () => true,
      () => false,
    );
    if (found) return binary;
  }
  throw new Error('HAProxy is missing: apt-get install haproxy');
}

/** Waits until the condition holds. @throws with `what` when it does not in time. */
export async function eventually(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const giveUp = AbortSignal.timeout(CONDITION_TIMEOUT_MS);
  while (!(await isSo())) {
    if (giveUp.aborted) throw new Error(`not so in ${CONDITION_TIMEOUT_MS} ms: ${what}`);
    await delay(10);
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** One instance: answers with its own name, counts what each user has asked of it, as sessions would. */
export class TestInstance {
  readonly name: string;
  readonly users = new Map<string, number>();
  port = 0;
  readonly #upgraded = new Set<Duplex>();
  #ready = true;
  #answer: (request: IncomingMessage, response: ServerResponse) => void;
  readonly #server = createServer((request, response) => {
    if (request.url === '/ready') response.writeHead(this.#ready ? 200 : 503).end();
    else this.#answer(request, response);
  });

  constructor(name: string) {
    this.name = name;
    // Longer than any test: a test is about the router, not about the server closing idle connections.
    this.#server.keepAliveTimeout = 120_000;
    this.#answer = (request, response) => {
      const user = String(request.headers['x-user'] ?? '');
      this.users.set(user, (this.users.get(user) ?? 0) + 1);
      request.resume().once('end', () => response.setHeader('x-instance', this.name).end(this.name));
    };
  }

  set ready(isReady: boolean) {
    this.#ready = isReady;
  }

  set answer(answer: (request: IncomingMessage, response: ServerResponse) => void) {
    this.#answer = answer;
  }

  /** What to do with a connection that a client asks to upgrade; it is cut with the instance. */
  set upgrade(upgrade: (socket: Duplex, request: IncomingMessage) => void) {
    this.#server.removeAllListeners('upgrade').on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      this.#upgraded.add(socket);
      socket.once('close', () => this.#upgraded.delete(socket));
      upgrade(socket, request);
    });
  }

  async start(port = 0): Promise<this> {
    this.#server.listen(port, HOST);
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** Ends it as a crash would: connections are cut, the port refuses. */
  async crash(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
    await closed;
  }
}

export type Layout = Pick<RouterSpec, 'routes' | 'backends' | 'tls'>;
/** What a test changes in the configuration. */
export type ConfigChange = (config: string) => string;

export class TestRouter {
  readonly folder: string;
  readonly port: number;
  readonly runtime: RuntimeSocket;
  readonly router: HaproxyRouter;
  readonly #binary: string;
  #process: ChildProcess | undefined;
  #log = '';
  /** Applied to every configuration that is written from now on. */
  change: ConfigChange = (config) => config;

  private constructor(folder: string, port: number, binary: string) {
    this.folder = folder;
    this.port = port;
    this.#binary = binary;
    this.runtime = new RuntimeSocket(join(folder, 'runtime.sock'));
    this.router = new HaproxyRouter(this.runtime);
  }

  static async create(): Promise<TestRouter> {
    const folder = await mkdtemp(join(tmpdir(), `holdfast "it's" `));
    return new TestRouter(folder, await freePort(), await haproxyBinary());
  }

  get configFile(): string {
    return join(this.folder, 'haproxy.cfg');
  }

  get log(): string {
    return this.#log;
  }

  /** The master, which is told to reload. */
  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('HAProxy does not run');
    return pid;
  }

  async writeFiles(layout: Layout, generation: string, tables: readonly OwnerTable[]): Promise<void> {
    const config = haproxyConfig({
      ...layout,
      generation,
      host: HOST,
      port: this.port,
      sockets: {
        runtime: join(this.folder, 'runtime.sock'),
        peer: join(this.folder, 'peer.sock'),
        next: join(this.folder, 'next.sock'),
      },
    });
    for (const table of tables) {
      await writeFile(join(this.folder, mapFile(table.service)), ownerMap(table));
      await writeFile(join(this.folder, changesFile(table.service)), '');
    }
    await writeFile(join(this.folder, PINS_SCRIPT_FILE), PINS_SCRIPT);
    await writeFile(join(this.folder, INSTANCE_SCRIPT_FILE), INSTANCE_SCRIPT);
    await writeFile(this.configFile, this.change(config));
  }

  /** Starts HAProxy from the files there are, and waits until it is in force. */
  async start(generation: string): Promise<void> {
    const child = spawn(this.#binary, haproxyArguments(this.configFile), {
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    this.#process = child;
    this.#log = '';
    await eventually(`HAProxy runs ${generation}`, async () => {
      if (child.exitCode !== null) throw new Error(`HAProxy ended: ${this.#log}`);
      return this.isInForce(generation);
    });
  }

  /** Whether a worker answers with this generation. */
  async isInForce(generation: string): Promise<boolean> {
    const observed = await this.router.observe().catch(() => undefined);
    return observed?.generation === generation;
  }

  /** A master that is still busy with its last start or reload loses the signal: it is sent again. */
  async reload(generation: string): Promise<void> {
    let signalled = Number.NEGATIVE_INFINITY;
    await eventually(`${generation} is in force`, async () => {
      if (await this.isInForce(generation)) return true;
      if (performance.now() - signalled > SIGNAL_AGAIN_MS) {
        signalled = performance.now();
        process.kill(this.pid, 'SIGUSR2');
      }
      return false;
    });
  }

  /** Ends master and workers at once, as a machine's out-of-memory killer would. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const worker = Number(
      /^Pid: (\d+)$/m.exec(await this.runtime.ask('show info').catch(() => ''))?.[1] ?? 0,
    );
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    if (worker > 1) process.kill(worker, 'SIGKILL');
    await ended;
    this.#process = undefined;
  }

  async close(): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}
