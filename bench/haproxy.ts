/**
 * An HAProxy that runs for a bench, from files in a folder of its own, as a master with one worker.
 * Disposing of it ends it; the folder is its owner's.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireProgram } from '../src/platform/programs.ts';
import { haproxyArguments } from '../src/routing/haproxy-config.ts';
import type { RouterSockets } from '../src/routing/router-spec.ts';
import { infoField } from '../src/routing/runtime-replies.ts';
import { RuntimeSocket } from '../src/routing/runtime-socket.ts';
import { eventually } from './condition.ts';
import { cpuSeconds } from './process-cost.ts';

export class Haproxy implements AsyncDisposable {
  readonly runtime: RuntimeSocket;
  readonly #master: ChildProcess;
  readonly #worker: number;

  private constructor(runtime: RuntimeSocket, master: ChildProcess, worker: number) {
    this.runtime = runtime;
    this.#master = master;
    this.#worker = worker;
  }

  /** Starts one from this configuration, which must have a runtime socket at `runtimeSocket`. */
  static async start(folder: string, config: string): Promise<Haproxy> {
    const file = join(folder, 'haproxy.cfg');
    await writeFile(file, config);
    const master = spawn(requireProgram('haproxy', process.env['PATH'] ?? ''), haproxyArguments(file), {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    master.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
    const runtime = new RuntimeSocket(runtimeSocket(folder));
    const worker = await eventually('HAProxy answers', async () => {
      if (master.exitCode !== null) throw new Error(`HAProxy ended: ${log}`);
      const info = await runtime.ask('show info').catch(() => '');
      return infoField(info, 'Pid');
    });
    return new Haproxy(runtime, master, Number(worker));
  }

  /** CPU time of the worker so far, in seconds. */
  get cpu(): number {
    return cpuSeconds(this.#worker);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#master.exitCode !== null) return;
    const ended = once(this.#master, 'exit');
    this.#master.kill('SIGTERM');
    await ended;
  }
}

/** Where an HAProxy that runs in this folder takes commands. */
export function runtimeSocket(folder: string): string {
  return join(folder, 'runtime.sock');
}

/** All sockets of Holdfast's own. */
export function routerSockets(folder: string): RouterSockets {
  return { runtime: runtimeSocket(folder), peer: join(folder, 'peer.sock'), next: join(folder, 'next.sock') };
}
