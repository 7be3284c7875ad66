/**
 * How many mariadbd work in the same folder at once, on whichever nodes: the test cluster's nodes share this
 * machine's processes and files, so two servers on one volume have the same working folder, by its inode.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../../src/platform/kubernetes/api/kube-object.ts';
import { processesOf } from './pod-processes.ts';

const SAMPLE_MS = 100;

export class VolumeWriters {
  /** Most that were there at once. */
  most = 0;
  readonly #folder: string;
  readonly #end = new AbortController();
  readonly #work: Promise<void>;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#work = this.#goOn();
  }

  /** From now on, those of the volume on which the pod's server works now. */
  static async watch(pod: KubeObject): Promise<VolumeWriters> {
    const [server] = await processesOf(pod, 'mariadbd');
    const folder = server === undefined ? undefined : await folderOf(server.pid);
    if (folder === undefined) throw new Error(`no mariadbd runs in ${pod.metadata.name}`);
    return new VolumeWriters(folder);
  }

  async now(): Promise<number> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const folders = await Promise.all(
      pids.map(async (pid) => ((await isServer(pid)) ? folderOf(pid) : undefined)),
    );
    return folders.filter((folder) => folder === this.#folder).length;
  }

  async end(): Promise<void> {
    this.#end.abort();
    await this.#work;
  }

  async #goOn(): Promise<void> {
    while (!this.#end.signal.aborted) {
      this.most = Math.max(this.most, await this.now());
      await sleep(SAMPLE_MS, undefined, { signal: this.#end.signal }).catch(() => undefined);
    }
  }
}

async function isServer(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === 'mariadbd';
}

/** Undefined for a process that has just ended. */
async function folderOf(pid: number): Promise<string | undefined> {
  const found = await stat(`/proc/${pid}/cwd`).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
}
