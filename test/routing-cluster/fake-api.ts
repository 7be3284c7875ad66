/** Watches of a Kubernetes API that is a map in this process: tests say what there is. */
import type { KubeObject } from '../../src/platform/kubernetes/api/kube-object.ts';
import type { EndpointSlice } from '../../src/platform/kubernetes/router/endpoint-slices.ts';
import type {
  WatchChoice,
  Watched,
  WatchObjects,
} from '../../src/platform/kubernetes/router/router-source.ts';
import { encodeTable, type OwnerTable } from '../../src/routing/owner-table.ts';
import { encodeStructure, type PublishedStructure } from '../../src/routing/published-structure.ts';

export const APP = 'shop';

type Listener = (key: string, object: KubeObject | undefined) => void;

interface Watcher {
  readonly choice: WatchChoice;
  readonly listeners: Listener[];
  readonly known: Map<string, KubeObject>;
  readonly synced: PromiseWithResolvers<void>;
  hasSynced: boolean;
}

/** What one router is told. Routers that are told at different times have one each, with a common source. */
export class FakeApi {
  /** Give them to another one, and it shows the same. */
  readonly objects: Map<string, KubeObject>;
  readonly #watchers = new Set<Watcher>();
  #away = false;

  constructor(objects = new Map<string, KubeObject>()) {
    this.objects = objects;
  }

  /** While it is away nobody hears anything; afterwards everybody hears of what has changed. */
  set away(isAway: boolean) {
    this.#away = isAway;
    this.tell();
  }

  set(object: KubeObject): void {
    this.objects.set(keyOf(object), object);
    this.tell();
  }

  remove(kind: string, name: string): void {
    this.objects.delete(`${kind}/${name}`);
    this.tell();
  }

  /** Brings every watch up to date. */
  tell(): void {
    if (!this.#away) for (const watcher of this.#watchers) this.#bringUpToDate(watcher);
  }

  get watch(): WatchObjects {
    return <T extends KubeObject>(choice: WatchChoice, signal: AbortSignal): Watched<T> => {
      const synced = Promise.withResolvers<void>();
      synced.promise.catch(() => undefined);
      const watcher: Watcher = { choice, listeners: [], known: new Map(), synced, hasSynced: false };
      this.#watchers.add(watcher);
      signal.addEventListener('abort', () => this.#watchers.delete(watcher), { once: true });
      queueMicrotask(() => this.tell());
      return {
        synced: synced.promise,
        get hasSynced() {
          return watcher.hasSynced;
        },
        all: () => [...watcher.known.values()] as T[],
        onChange(listener) {
          watcher.listeners.push(listener as Listener);
          return () => undefined;
        },
      };
    };
  }

  #bringUpToDate(watcher: Watcher): void {
    const { choice, known, listeners } = watcher;
    const now = new Map([...this.objects].filter(([, object]) => isChosen(object, choice)));
    watcher.hasSynced = true;
    watcher.synced.resolve();
    for (const key of new Set([...known.keys(), ...now.keys()])) {
      const object = now.get(key);
      if (object === known.get(key)) continue;
      if (object === undefined) known.delete(key);
      else known.set(key, object);
      for (const listener of listeners) listener(key, object);
    }
  }
}

const keyOf = ({ kind, metadata }: KubeObject): string => `${kind}/${metadata.name}`;

function isChosen({ kind, metadata }: KubeObject, { type, fieldSelector }: WatchChoice): boolean {
  return (
    kind === type.kind && (fieldSelector === undefined || fieldSelector === `metadata.name=${metadata.name}`)
  );
}

export function structureMap(structure: PublishedStructure): KubeObject {
  return configMap(`${APP}-routing`, { structure: encodeStructure(structure) });
}

export function ownersMap(table: OwnerTable): KubeObject {
  return configMap(`${APP}-${table.service}-owners`, { table: JSON.stringify(encodeTable(table)) });
}

export function configMap(name: string, data: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data } as KubeObject;
}

export function tlsSecret(
  name: string,
  { certificate, key }: { certificate: string; key: string },
): KubeObject {
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  const data = { 'tls.crt': encoded(certificate), 'tls.key': encoded(key) };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data } as KubeObject;
}

export interface Pod {
  readonly name: string;
  readonly host?: string;
  readonly port?: number;
  readonly ready?: boolean;
  readonly terminating?: boolean;
}

/** The slice of one pod behind a Service, as Kubernetes would write it. */
export function slice(service: string, pod: Pod): EndpointSlice {
  const { name, host = '127.0.0.1', port, ready = true, terminating = false } = pod;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-${name}`, labels: { 'kubernetes.io/service-name': `${APP}-${service}` } },
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: [host],
        conditions: { ready: ready && !terminating, serving: ready, terminating },
        targetRef: { name, uid: `uid-of-${name}` },
      },
    ],
    ports: port === undefined ? [] : [{ name: 'http', port }],
  };
}
