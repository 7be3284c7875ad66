/** Follows the output of one container over its restarts and over broken connections. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../api/kube-client.ts';
import { KubeApiError } from '../api/kube-error.ts';
import { lines } from '../api/lines.ts';
import { logPath, stampedLine, type LogLine, type LogSource } from './log-source.ts';

export interface TailOptions {
  /** The container as it is now; undefined when its pod is gone. */
  readonly find: () => LogSource | undefined;
  /** How many lines to begin with; undefined: all that there are. */
  readonly tailLines: number | undefined;
  readonly onLine: (line: LogLine) => void;
  readonly onError: (error: unknown) => void;
}

/** How long it is waited before a container is looked at again whose output has ended; ms. */
const PAUSE = 500;

export class ContainerTail {
  readonly #client: KubeClient;
  readonly #options: TailOptions;
  /** When the last line was written that was seen; the API server can only be asked by whole seconds. */
  #last = '';

  constructor(client: KubeClient, options: TailOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Until the pod is gone or the signal is aborted. Never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    const { find } = this.#options;
    let isRead = false;
    for (let source = find(); source !== undefined && !signal.aborted; source = find()) {
      // What has ended is read once more, in case it wrote something since.
      if (source.running || !isRead) await this.#read(source, signal);
      isRead = !source.running;
      await sleep(PAUSE, undefined, { signal }).catch(() => undefined);
    }
  }

  async #read(source: LogSource, signal: AbortSignal): Promise<void> {
    const path = logPath(source, { follow: 'true', timestamps: 'true', ...this.#from() });
    try {
      for await (const line of lines(this.#client.stream(path, signal))) this.#tell(source.id, line);
    } catch (error) {
      if (!signal.aborted && !isBetweenLives(error)) this.#options.onError(error);
    }
  }

  #from(): Record<string, string> {
    const { tailLines } = this.#options;
    if (this.#last !== '') return { sinceTime: `${this.#last.slice(0, 19)}Z` };
    return tailLines === undefined ? {} : { tailLines: String(tailLines) };
  }

  #tell(id: string, line: string): void {
    const { at, text } = stampedLine(line);
    if (at !== '' && at <= this.#last) return;
    if (at !== '') this.#last = at;
    this.#options.onLine({ id, text });
  }
}

/** A container that is just being removed, or not started again yet. */
function isBetweenLives(error: unknown): boolean {
  return error instanceof KubeApiError && (error.code === 400 || error.code === 404);
}
