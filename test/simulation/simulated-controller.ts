/**
 * A process of Holdfast's controller on a simulated cluster, with the real platform and the real rounds.
 * Its cache follows each kind of object at a pace of its own. It can be killed after any write, and frozen
 * before any: it then goes on with what it had decided, whatever has happened since. It believes that it
 * leads all the time, since a lease fences nothing.
 */
import { conditionsOf } from '../../src/controller/conditions.ts';
import { reconcile, type RoundPlatform } from '../../src/controller/reconcile.ts';
import { UserError } from '../../src/app/failure.ts';
import { KubeApiError } from '../../src/platform/kubernetes/api/kube-error.ts';
import type { KubeClient } from '../../src/platform/kubernetes/api/kube-client.ts';
import type { ObjectMeta, ObjectRef, ResourceType } from '../../src/platform/kubernetes/api/kube-object.ts';
import { roundParts } from '../../src/platform/kubernetes/application-round.ts';
import type { ClusterPlatform } from '../../src/platform/kubernetes/cluster-platform.ts';
import { ClusterSessions } from '../../src/platform/kubernetes/cluster-sessions.ts';
import { ConfirmedRouters } from '../../src/platform/kubernetes/confirmed-routers.ts';
import { ClusterView, OWNED_KINDS, type Kind } from '../../src/platform/kubernetes/cluster-view.ts';
import type { Manifest } from '../../src/platform/kubernetes/objects/manifest.ts';
import type { ClusterPrepared } from '../../src/platform/kubernetes/objects/prepared.ts';
import type { AppObject } from '../../src/platform/kubernetes/observe/kinds.ts';
import { reportStatus } from '../../src/platform/kubernetes/report-status.ts';
import type { Precondition, SimulatedApi } from './simulated-api.ts';
import type { SimulatedRouters } from './simulated-routers.ts';

export const KINDS: readonly Kind[] = [
  'App',
  'Node',
  'StorageClass',
  'Pod',
  'PersistentVolumeClaim',
  ...OWNED_KINDS,
];
const IMAGES = { holdfast: 'holdfast:1', database: 'holdfast-database:1', pullPolicy: 'Never' };

/** A controller that does something wrong, to see that it is caught. */
export type Variant = (platform: ClusterPlatform) => RoundPlatform<ClusterPrepared>;

/** The end of the process: nothing catches it. */
class Killed extends Error {}

export interface Fate {
  /** Writes after which the process dies; undefined: it lives. */
  readonly dieAfter?: number;
  /** Called before each write with its number from 0; what it gives is waited for. */
  readonly beforeWrite?: (n: number) => Promise<void> | undefined;
}

export class SimulatedController {
  readonly #api: SimulatedApi;
  readonly #routers: SimulatedRouters;
  readonly #confirmed = new ConfirmedRouters();
  /** Of no application here. */
  readonly #sessions = new ClusterSessions({
    wake: () => undefined,
    mayAct: () => true,
    onError: () => undefined,
  });
  #awaitsRouters = false;
  readonly #app: string;
  readonly #variant: Variant;
  /** By kind: how much of the history is known. */
  readonly #seen = new Map<Kind, number>(KINDS.map((kind) => [kind, 0]));
  readonly #cache = new Map<Kind, Map<string, Manifest>>(KINDS.map((kind) => [kind, new Map()]));
  /** Requests to write, whether they changed anything or not. */
  writes = 0;

  constructor(
    { api, routers }: { readonly api: SimulatedApi; readonly routers: SimulatedRouters },
    app: string,
    variant: Variant = (platform) => platform,
  ) {
    this.#api = api;
    this.#routers = routers;
    this.#app = app;
    this.#variant = variant;
  }

  /** Something has happened that it has not heard of, or that nothing tells of. */
  get hasNews(): boolean {
    return this.#awaitsRouters || [...this.#seen.values()].some((seen) => seen < this.#api.history.length);
  }

  /** Learns of what has happened, of some kinds only if told so. */
  catchUp(kinds: readonly Kind[] = KINDS): void {
    for (const kind of kinds) {
      const objects = this.#cache.get(kind);
      for (const change of this.#api.history.slice(this.#seen.get(kind))) {
        if (change.kind !== kind) continue;
        if (change.object === undefined) objects?.delete(change.name);
        else objects?.set(change.name, change.object);
      }
      this.#seen.set(kind, this.#api.history.length);
    }
  }

  view(): ClusterView {
    return new ClusterView(new Map([...this.#cache].map(([kind, objects]) => [kind, [...objects.values()]])));
  }

  /** One round. What goes wrong because something else was quicker, or by its own death, is left to the next one. */
  async round(fate: Fate = {}): Promise<void> {
    const object = this.#cache.get('App')?.get(this.#app) as AppObject | undefined;
    if (object === undefined) return;
    try {
      await this.#work(object, this.#client(fate));
    } catch (error) {
      if (!(error instanceof Killed || error instanceof KubeApiError)) throw error;
    }
  }

  async #work(object: AppObject, client: KubeClient): Promise<void> {
    const {
      platform: real,
      store,
      wanted,
    } = await roundParts(
      {
        client,
        cache: this,
        images: IMAGES,
        routers: this.#routers.ask,
        confirmed: this.#confirmed,
        sessions: this.#sessions,
      },
      object,
    );
    const paused = !(wanted instanceof UserError) && wanted.paused;
    const mayAct = (): boolean => !paused;
    const platform = this.#variant(real);
    const result = await reconcile({
      platform,
      store,
      wanted,
      mayAct,
      tell: () => undefined,
      done: () => undefined,
    });
    this.#awaitsRouters = result.awaitsRouters;
    const conditions = conditionsOf(result, paused);
    await reportStatus(client, object, { conditions, detail: { ...result.status } }, this.#api.now);
  }

  #client({ dieAfter, beforeWrite }: Fate): KubeClient {
    const api = this.#api;
    let writes = 0;
    const write = async <T>(change: () => T): Promise<T> => {
      await beforeWrite?.(writes);
      this.writes += 1;
      writes += 1;
      const result = change();
      if (writes === dieAfter) throw new Killed();
      return result;
    };
    const client = {
      get: ({ kind }: ResourceType, ref: ObjectRef) => Promise.resolve(api.get(kind, ref)),
      create: (object: Manifest) => write(() => api.create(object)),
      apply: (object: Manifest) => write(() => api.apply(object)),
      replace: (object: Manifest) => write(() => api.replace(object)),
      replaceStatus: (object: Manifest) => write(() => api.replaceStatus(object)),
      mergePatch: ({ kind }: ResourceType, ref: ObjectRef, { metadata }: { metadata: Partial<ObjectMeta> }) =>
        write(() => api.patchMetadata(kind, ref, metadata)),
      remove: ({ kind }: ResourceType, ref: ObjectRef, precondition: Precondition) =>
        write(() => api.remove(kind, ref, precondition)),
    };
    // Of the client's verbs these are all that a round uses.
    return client as unknown as KubeClient;
  }
}
