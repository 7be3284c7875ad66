/**
 * A copy of all objects of one type, kept up to date by list and watch. It survives everything that ends a
 * watch: it goes on from the last version it saw, lists again when that is no longer kept, and compares the
 * whole list now and then in case an event was lost. It never shows an older state after a newer one.
 */
import { restartDelay, type Backoff } from '../../../scaling/backoff.ts';
import { KubeUnreachable } from './kube-error.ts';
import type { KubeClient } from './kube-client.ts';
import { keyOf, type KubeObject, type ResourceType } from './kube-object.ts';
import type { Selector } from './list.ts';
import { pause } from './pause.ts';
import { ObjectStore, type ChangeListener } from './object-store.ts';
import { watch, type WatchEvent } from './watch.ts';

/** All in ms. */
export interface InformerPace {
  /** The server ends a watch after a random time between half of this and this. */
  readonly watchLife: number;
  /** A watch without any word, not even the bookmark that comes every minute, is given up. */
  readonly silence: number;
  /** Everything is listed and compared again, at the end of the watch during which this has passed. */
  readonly resync: number;
  /** Between attempts while nothing is told. */
  readonly delays: Backoff;
}

export const INFORMER_PACE: InformerPace = {
  watchLife: 300_000,
  silence: 150_000,
  resync: 600_000,
  delays: { first: 100, most: 10_000 },
};

export interface InformerOptions extends Selector {
  readonly type: ResourceType;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** What went wrong; it goes on by itself. Also gets what a listener throws. */
  readonly onError: (error: unknown) => void;
  readonly pace?: Partial<InformerPace>;
}

export class Informer<T extends KubeObject> {
  readonly #client: KubeClient;
  readonly #options: InformerOptions;
  readonly #pace: InformerPace;
  readonly #store: ObjectStore<T>;
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;
  /** The version up to which everything is known; undefined when only a list can tell. */
  #version: string | undefined;
  #listedAt = 0;
  #lastContact: number | undefined;
  /** Whether the watch under way has told anything. */
  #fruitful = false;
  #problem: unknown;

  constructor(client: KubeClient, options: InformerOptions) {
    this.#client = client;
    this.#options = options;
    this.#pace = { ...INFORMER_PACE, ...options.pace };
    this.#store = new ObjectStore<T>(options.onError);
    this.#synced.promise.catch(() => undefined); // an informer that is ended early may have nobody waiting
  }

  /** Settles with the first whole list, when all listeners have been told; rejects when ended before. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** When the API server last said anything, in ms since the epoch. Older than `silence`: a stale copy. */
  get lastContact(): number | undefined {
    return this.#lastContact;
  }

  /** Why it is not up to date at present, as far as it knows. */
  get problem(): unknown {
    return this.#problem;
  }

  /** By `namespace/name`, or `name` for what has no namespace. */
  get(key: string): T | undefined {
    return this.#store.get(key);
  }

  all(): T[] {
    return this.#store.all();
  }

  /** Tells of every later change; undefined for an object that is gone. Gives the function that ends it. */
  onChange(listener: ChangeListener<T>): () => void {
    return this.#store.onChange(listener);
  }

  /** Works until the signal is aborted; fulfilled when it has ended, never rejected. */
  async start(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const problem = await this.#round(signal);
      if (signal.aborted) break;
      failures = this.#fruitful ? 0 : failures;
      if (problem !== undefined || !this.#fruitful) failures += 1;
      if (problem !== undefined) this.#fail(problem);
      await pause(this.#delay(failures), signal).catch(() => undefined);
    }
    this.#synced.reject(signal.reason);
  }

  /** One watch, after a list where one is due; returns what went wrong. */
  async #round(signal: AbortSignal): Promise<unknown> {
    this.#fruitful = false;
    try {
      const isResyncDue = performance.now() - this.#listedAt >= this.#pace.resync;
      if (this.#version === undefined || isResyncDue) await this.#list(signal);
      await this.#watch(this.#version ?? '', signal);
      return undefined;
    } catch (error) {
      // What the server refused, or garbled, is not told again by a watch from the same version.
      if (!(error instanceof KubeUnreachable)) this.#version = undefined;
      return error;
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { items, resourceVersion } = await this.#client.list<T>(this.#options.type, this.#options, signal);
    this.#version = resourceVersion;
    this.#listedAt = performance.now();
    this.#heard();
    this.#store.replaceAll(items);
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { watchLife, silence } = this.#pace;
    const { type, random, namespace, labelSelector, fieldSelector } = this.#options;
    const timeoutSeconds = Math.max(1, Math.round((watchLife * (1 + random())) / 2_000));
    const selector = { namespace, labelSelector, fieldSelector };
    const end = new AbortController();
    const onAbort = (): void => end.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const silent = new KubeUnreachable(
      `The watch of ${type.plural} was silent for ${String(silence / 1000)} s`,
    );
    const timer = setTimeout(() => end.abort(silent), silence);
    try {
      const onOpen = (): void => this.#heard();
      const options = { ...selector, resourceVersion, timeoutSeconds, signal: end.signal, onOpen };
      for await (const event of watch<T>(this.#client, type, options)) {
        timer.refresh();
        this.#take(event);
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  #take({ type, object }: WatchEvent<T>): void {
    this.#fruitful = true;
    this.#heard();
    this.#version = object.metadata.resourceVersion ?? this.#version;
    if (type === 'BOOKMARK') return;
    if (type === 'DELETED') this.#store.delete(keyOf(object.metadata));
    else this.#store.set(object);
  }

  #heard(): void {
    this.#lastContact = Date.now();
    this.#problem = undefined;
  }

  #fail(problem: unknown): void {
    this.#problem = problem;
    this.#options.onError(problem);
  }

  /** Nothing after a watch that told something; longer and longer, with jitter, while rounds tell nothing. */
  #delay(failures: number): number {
    return restartDelay(failures, this.#pace.delays) * (0.5 + this.#options.random() / 2);
  }
}
