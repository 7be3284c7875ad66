/** A fake API server with ConfigMaps whose every list and watch a test can interfere with. */
import type { ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { Informer, type InformerPace } from '../../src/platform/kubernetes/api/informer.ts';
import { RESOURCE_TYPES, type KubeObject } from '../../src/platform/kubernetes/api/kube-object.ts';
import { fakeApi, json, listOf, type Asked, type FakeApi } from './fake-api.ts';

export type Interference = (asked: Asked, response: ServerResponse) => boolean;

interface Stored {
  readonly name: string;
  readonly version: number;
}

/** Ends in good time and forgives at once. */
const PACE: Partial<InformerPace> = { delays: { first: 1, most: 5 }, silence: 5_000, watchLife: 60_000 };

export class WatchedConfigMaps {
  /** Called before every answer; true means that it has answered. */
  interfere: Interference = () => false;
  readonly told: string[] = [];
  readonly errors: string[] = [];
  readonly #objects = new Map<string, Stored>();
  readonly #log: { version: number; line: string }[] = [];
  readonly #watches = new Set<ServerResponse>();
  #version = 10;

  /** Events up to this version are forgotten: a watch from before gets 410. */
  #forgotten = 0;

  get version(): string {
    return String(this.#version);
  }

  get watches(): ReadonlySet<ServerResponse> {
    return this.#watches;
  }

  put(name: string): void {
    const type = this.#objects.has(name) ? 'MODIFIED' : 'ADDED';
    this.#objects.set(name, { name, version: ++this.#version });
    this.#tell(type, name);
  }

  remove(name: string): void {
    this.#objects.delete(name);
    this.#version += 1;
    this.#tell('DELETED', name);
  }

  /** A change of which no watch ever hears. */
  removeSilently(name: string): void {
    this.#objects.delete(name);
    this.#version += 1;
  }

  bookmark(): void {
    for (const watch of this.#watches) watch.write(event('BOOKMARK', this.#version));
  }

  forget(): void {
    this.#forgotten = this.#version;
    this.#log.length = 0;
  }

  /** Sends raw bytes to all who watch. */
  send(bytes: string): void {
    for (const watch of this.#watches) watch.write(bytes);
  }

  endWatches(how: 'end' | 'destroy'): void {
    for (const watch of this.#watches) watch[how]();
    this.#watches.clear();
  }

  answer(asked: Asked, response: ServerResponse): void {
    if (this.interfere(asked, response)) return;
    if (asked.query.get('watch') === 'true')
      this.#watch(Number(asked.query.get('resourceVersion')), response);
    else json(response, listOf(this.version, [...this.#objects.values()].map(objectOf)));
  }

  #watch(since: number, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    if (since < this.#forgotten) {
      const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    for (const { version, line } of this.#log) if (version > since) response.write(line);
    this.#watches.add(response);
    response.once('close', () => this.#watches.delete(response));
  }

  #tell(type: string, name: string): void {
    const line = event(type, this.#version, name);
    this.#log.push({ version: this.#version, line });
    for (const watch of this.#watches) watch.write(line);
  }
}

function objectOf({ name, version }: Stored): object {
  return { metadata: { namespace: 'shop', name, resourceVersion: String(version) } };
}

function event(type: string, version: number, name = ''): string {
  return `${JSON.stringify({ type, object: objectOf({ name, version }) })}\n`;
}

export interface Watching {
  readonly cluster: WatchedConfigMaps;
  readonly informer: Informer<KubeObject>;
  readonly api: FakeApi;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** An informer at work against it; what it tells is in `cluster.told`, as `name` or `-name`. */
export async function watching(
  t: TestContext,
  cluster: WatchedConfigMaps,
  pace: Partial<InformerPace> = {},
): Promise<Watching> {
  const api = await fakeApi(t, (asked, response) => cluster.answer(asked, response));
  const informer = new Informer<KubeObject>(api.client, {
    type: RESOURCE_TYPES.ConfigMap,
    namespace: 'shop',
    random: () => 0,
    onError: (error) => cluster.errors.push(String(error)),
    pace: { ...PACE, ...pace },
  });
  informer.onChange((key, object) => cluster.told.push(`${object === undefined ? '-' : ''}${key.slice(5)}`));
  const stop = new AbortController();
  const ended = informer.start(stop.signal);
  t.after(async () => {
    stop.abort();
    await ended;
  });
  return { cluster, informer, api, stop, ended };
}
