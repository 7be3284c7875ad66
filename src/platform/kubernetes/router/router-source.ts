/**
 * What a router knows of its application, from watches of the Kubernetes API: the published structure, the
 * owner table of each stateful service, and EndpointSlices. What it once knew stays known while the API is
 * away, a table never goes back to an older epoch, and a damaged publication leaves the last good one.
 */
import { defined } from '../../../app/defined.ts';
import { RESOURCE_TYPES, type KubeObject, type ResourceType } from '../api/kube-object.ts';
import { APP_LABEL, namesOf } from '../objects/names.ts';
import type { OwnerTable } from '../../../routing/owner-table.ts';
import {
  decodeStructure,
  decodeTableText,
  STRUCTURE_KEY,
  TABLE_KEY,
  type PublishedStructure,
} from '../../../routing/published-structure.ts';
import type { Certificate } from '../../../routing/certificate.ts';
import { certificateOf, type TlsSecret } from '../objects/router-certificate.ts';
import { endpointsOf, peersOf, type EndpointSlice } from './endpoint-slices.ts';
import type { RouterSettings } from './router-settings.ts';
import type { RouterView } from './router-view.ts';

/** A copy of some objects that follows the API server; an `Informer` is one. */
export interface Watched<T> {
  /** Fulfilled with the first whole list. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  all(): readonly T[];
  onChange(listener: (key: string, object: T | undefined) => void): () => void;
}

export interface WatchChoice {
  readonly type: ResourceType;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Starts to watch objects of the application's namespace, until the signal is aborted. */
export type WatchObjects = <T extends KubeObject>(choice: WatchChoice, signal: AbortSignal) => Watched<T>;

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

interface OwnersWatch {
  readonly watched: Watched<ConfigMap>;
  readonly end: () => void;
}

interface SecretWatch {
  readonly secret: string;
  readonly end: () => void;
  certificate?: Certificate;
}

export interface SourceParts {
  readonly settings: RouterSettings;
  readonly watch: WatchObjects;
  /** Is called after anything has changed. */
  readonly changed: () => void;
  readonly log: (text: string) => void;
}

export class RouterSource {
  readonly #parts: SourceParts;
  readonly #signal: AbortSignal;
  readonly #slices: Watched<EndpointSlice>;
  readonly #owners = new Map<string, OwnersWatch>();
  #secret: SecretWatch | undefined;
  readonly #tables = new Map<string, OwnerTable>();
  #published: PublishedStructure | undefined;
  /** The last structure whose tables have all been asked for, and whose certificate is there. */
  #inForce: PublishedStructure | undefined;

  constructor(parts: SourceParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
    const labelSelector = `${APP_LABEL}=${parts.settings.app}`;
    this.#slices = this.#follow(
      { type: RESOURCE_TYPES.EndpointSlice, labelSelector },
      signal,
      () => undefined,
    );
    const { routing } = namesOf(parts.settings.app);
    this.#follow<ConfigMap>(configMap(routing), signal, (object) => this.#readStructure(object));
  }

  /** Undefined until everything has been heard of once. */
  view(): RouterView | undefined {
    if (this.#published !== undefined && this.#isKnown(this.#published)) this.#inForce = this.#published;
    if (this.#inForce === undefined || !this.#slices.hasSynced) return undefined;
    const { app, address, name } = this.#parts.settings;
    const slices = this.#slices.all();
    const endpoints = this.#inForce.backends.map(({ service }) => {
      const choice = { service: namesOf(app).service(service), address };
      return [service, endpointsOf(slices, choice)] as const;
    });
    return {
      structure: this.#inForce,
      ...defined({ certificate: this.#secret?.certificate }),
      tables: this.#tables,
      endpoints: new Map(endpoints),
      peers: peersOf(slices, { service: namesOf(app).routers, address }, name),
    };
  }

  #follow<T extends KubeObject>(
    choice: WatchChoice,
    signal: AbortSignal,
    read: (object: T | undefined) => void,
  ): Watched<T> {
    const { watch, changed } = this.#parts;
    const watched = watch<T>(choice, signal);
    watched.onChange((_key, object) => {
      read(object);
      changed();
    });
    // One that is ended before has nothing to tell.
    watched.synced.then(changed, () => undefined);
    return watched;
  }

  #readStructure(object: ConfigMap | undefined): void {
    const text = object?.data?.[STRUCTURE_KEY];
    if (text === undefined) return;
    const structure = this.#judged(() => decodeStructure(text));
    if (structure === undefined) return;
    this.#published = structure;
    const stateful = structure.backends.filter((b) => b.stateful !== undefined).map((b) => b.service);
    this.#watchSecret(structure.tls?.secret);
    for (const service of stateful) this.#watchOwners(service);
    for (const [service, { end }] of this.#owners) {
      if (stateful.includes(service)) continue;
      end();
      this.#owners.delete(service);
      // One that comes back under this name begins with epochs of its own.
      this.#tables.delete(service);
    }
  }

  #watchOwners(service: string): void {
    if (this.#owners.has(service)) return;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#signal, over.signal]);
    const choice = configMap(namesOf(this.#parts.settings.app).owners(service));
    const watched = this.#follow<ConfigMap>(choice, signal, (object) => this.#readTable(service, object));
    this.#owners.set(service, { watched, end: () => over.abort() });
  }

  /** One that another takes the place of is shown until the other can be used. */
  #watchSecret(secret: string | undefined): void {
    const before = this.#secret;
    if (before?.secret === secret) return;
    before?.end();
    if (secret === undefined) {
      this.#secret = undefined;
      return;
    }
    const over = new AbortController();
    const watch: SecretWatch = { secret, end: () => over.abort() };
    this.#secret = watch;
    const choice = { type: RESOURCE_TYPES.Secret, fieldSelector: `metadata.name=${secret}` };
    const signal = AbortSignal.any([this.#signal, over.signal]);
    const watched = this.#follow<TlsSecret>(choice, signal, (object) => this.#readSecret(watch, object));
    const { log } = this.#parts;
    const tell = (): void => {
      if (watched.all().length === 0) log(`waits for the Secret "${secret}" with the certificate`);
    };
    watched.synced.then(tell, () => undefined);
  }

  /** One that cannot be used, and one that is gone, leaves the last good one. */
  #readSecret(watch: SecretWatch, object: TlsSecret | undefined): void {
    if (object === undefined) return;
    const certificate = this.#judged(() => certificateOf(object));
    if (certificate !== undefined) watch.certificate = certificate;
  }

  #readTable(service: string, object: ConfigMap | undefined): void {
    const text = object?.data?.[TABLE_KEY];
    if (text === undefined) return;
    const table = this.#judged(() => decodeTableText(text));
    if (table === undefined || table.epoch <= (this.#tables.get(service)?.epoch ?? 0)) return;
    this.#tables.set(service, table);
  }

  #isKnown({ backends, tls }: PublishedStructure): boolean {
    if (tls !== undefined && this.#secret?.certificate === undefined) return false;
    return backends.every(
      ({ service, stateful }) =>
        stateful === undefined || this.#owners.get(service)?.watched.hasSynced === true,
    );
  }

  /** What cannot be read is told, and what was known goes on. */
  #judged<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      this.#parts.log(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}

/** One ConfigMap by name: a router may read no others. */
function configMap(name: string): WatchChoice {
  return { type: RESOURCE_TYPES.ConfigMap, fieldSelector: `metadata.name=${name}` };
}
