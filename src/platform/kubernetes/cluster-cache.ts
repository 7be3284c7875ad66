/**
 * What the controller sees of a cluster: a copy of every object that belongs to an application, kept up
 * to date by watches. Looking at it costs no request.
 */
import type { KubeClient } from './api/kube-client.ts';
import { keyOf, RESOURCE_TYPES, type KubeObject, type ResourceType } from './api/kube-object.ts';
import { Informer } from './api/informer.ts';
import { ClusterView, OWNED_KINDS, type Kind } from './cluster-view.ts';
import { APP_LABEL } from './objects/names.ts';
import { conditionOf, type AppObject, type Node } from './observe/kinds.ts';

const LABELLED_KINDS = [...OWNED_KINDS, 'Pod', 'PersistentVolumeClaim'] as const;

export interface CacheOptions {
  /** Absent: applications of all namespaces. */
  readonly namespace?: string;
  readonly onError: (error: unknown) => void;
}

export class ClusterCache {
  readonly #informers: ReadonlyMap<Kind, Informer<KubeObject>>;

  constructor(client: KubeClient, { namespace, onError }: CacheOptions) {
    const informer = (kind: Kind, labelled: boolean): [Kind, Informer<KubeObject>] => {
      const type: ResourceType = RESOURCE_TYPES[kind];
      const selector = {
        ...(type.namespaced ? { namespace } : {}),
        ...(labelled ? { labelSelector: APP_LABEL } : {}),
      };
      return [kind, new Informer(client, { type, ...selector, random: Math.random, onError })];
    };
    this.#informers = new Map([
      informer('App', false),
      informer('Node', false),
      informer('StorageClass', false),
      ...LABELLED_KINDS.map((kind) => informer(kind, true)),
    ]);
  }

  /** Resolves when everything has been listed once; goes on until `signal` is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    for (const informer of this.#informers.values()) void informer.start(signal);
    await Promise.all([...this.#informers.values()].map((informer) => informer.synced));
  }

  /** Calls back with the `namespace/name` of each application now, and of each that a change may concern. Returns how to end that. */
  onChange(listener: (key: string) => void): () => void {
    const ends = [...this.#informers].map(([kind, informer]) => {
      if (kind === 'Node') return this.#watchNodes(informer, listener);
      if (kind === 'StorageClass') return informer.onChange(() => this.#all(listener));
      return informer.onChange((key, object) => {
        for (const app of this.#concerned(kind, key, object)) listener(app);
      });
    });
    this.#all(listener);
    return () => {
      for (const end of ends) end();
    };
  }

  apps(): AppObject[] {
    return this.#of<AppObject>('App').all();
  }

  app(key: string): AppObject | undefined {
    return this.#of<AppObject>('App').get(key);
  }

  /** Everything as it is now, whatever changes later. */
  view(): ClusterView {
    return new ClusterView(new Map([...this.#informers].map(([kind, informer]) => [kind, informer.all()])));
  }

  #of<T extends KubeObject>(kind: Kind): Informer<T> {
    // The informer of a kind holds objects of that kind: the API server answers by type.
    return this.#informers.get(kind) as unknown as Informer<T>;
  }

  /** An object that is gone, or has lost its label, no longer says whose it was: all of its namespace are asked. */
  #concerned(kind: Kind, key: string, object: KubeObject | undefined): string[] {
    if (kind === 'App') return [key];
    const namespace = key.slice(0, key.indexOf('/'));
    const name = object?.metadata.labels?.[APP_LABEL];
    if (name !== undefined) return [`${namespace}/${name}`];
    return this.apps()
      .filter(({ metadata }) => metadata.namespace === namespace)
      .map(({ metadata }) => keyOf(metadata));
  }

  /** Nodes report every few seconds; only whether one answers matters. */
  #watchNodes(informer: Informer<KubeObject>, listener: (key: string) => void): () => void {
    const known = new Map<string, string | undefined>();
    return informer.onChange((key, object) => {
      const state = object === undefined ? undefined : conditionOf(object as Node, 'Ready')?.status;
      if (known.get(key) === state) return;
      if (state === undefined) known.delete(key);
      else known.set(key, state);
      this.#all(listener);
    });
  }

  #all(listener: (key: string) => void): void {
    for (const { metadata } of this.apps()) listener(keyOf(metadata));
  }
}
