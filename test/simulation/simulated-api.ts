/**
 * An API server in memory: versions, UIDs, generations, preconditions, server-side apply, and the removal of
 * what an object that is gone owned. Objects are never changed in place, so that whoever has read one may
 * keep it. Every change is in a history, which caches follow at their own pace.
 */
import { isDeepStrictEqual } from 'node:util';
import { KubeApiError } from '../../src/platform/kubernetes/api/kube-error.ts';
import type { ObjectMeta, ObjectRef } from '../../src/platform/kubernetes/api/kube-object.ts';
import type { Manifest } from '../../src/platform/kubernetes/objects/manifest.ts';
import { applied } from './server-side-apply.ts';

export interface Change {
  readonly kind: string;
  readonly name: string;
  /** Undefined: it is gone. */
  readonly object: Manifest | undefined;
}

export interface Precondition {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export class SimulatedApi {
  readonly #objects = new Map<string, Manifest>();
  /** What was applied last, by object; only of those that were made by an apply. */
  readonly #applied = new Map<string, unknown>();
  readonly #checksVersions: boolean;
  readonly history: Change[] = [];
  #versions = 100;
  /** Milliseconds since the epoch; moved by whoever lets time pass. */
  now = Date.UTC(2026, 0, 1);

  /** @param checksVersions false shows what goes wrong without preconditions on versions */
  constructor(checksVersions = true) {
    this.#checksVersions = checksVersions;
  }

  get(kind: string, { name }: ObjectRef): Manifest | undefined {
    return this.#objects.get(`${kind} ${name}`);
  }

  all(kind?: string): Manifest[] {
    const objects = [...this.#objects.values()];
    return kind === undefined ? objects : objects.filter((object) => object.kind === kind);
  }

  create(object: Manifest): Manifest {
    if (this.get(object.kind, object.metadata) !== undefined) throw refusal(object, 409, 'AlreadyExists');
    return this.#add(object);
  }

  apply(object: Manifest): Manifest {
    const key = keyOf(object);
    const live = this.#objects.get(key);
    const { resourceVersion: _, uid, ...metadata } = object.metadata;
    const next: Manifest = { ...object, metadata };
    if (live === undefined && uid !== undefined) throw refusal(object, 409, 'Conflict');
    if (live !== undefined) this.#check(live, object.metadata);
    const before = this.#applied.get(key);
    // What a plain create gave belongs to another manager, as far as the API server is concerned.
    if (live === undefined || before !== undefined) this.#applied.set(key, next);
    return live === undefined ? this.#add(next) : this.#put(live, applied(live, next, before) as Manifest);
  }

  replace(object: Manifest): Manifest {
    const live = this.#found(object.kind, object.metadata);
    this.#check(live, object.metadata);
    return this.#put(live, {
      ...object,
      ...(live['status'] === undefined ? {} : { status: live['status'] }),
    });
  }

  replaceStatus(object: Manifest): Manifest {
    const live = this.#found(object.kind, object.metadata);
    this.#check(live, object.metadata);
    return this.#put(live, { ...live, status: object['status'] });
  }

  /** JSON merge patch of metadata: the only one that Holdfast sends. */
  patchMetadata(
    kind: string,
    ref: ObjectRef,
    { annotations = {}, ...precondition }: Partial<ObjectMeta>,
  ): Manifest {
    const live = this.#found(kind, ref);
    this.#check(live, precondition);
    const all = Object.entries({ ...live.metadata.annotations, ...annotations } as Record<
      string,
      string | null
    >);
    const kept = Object.fromEntries(all.filter(([, value]) => value !== null)) as Record<string, string>;
    return this.#put(live, { ...live, metadata: { ...live.metadata, annotations: kept } });
  }

  remove(kind: string, ref: ObjectRef, precondition: Precondition = {}): void {
    const live = this.get(kind, ref);
    if (live === undefined) return;
    this.#check(live, precondition);
    this.#delete(live);
  }

  /** A change by Kubernetes itself, or by hand. `release` names a key of `spec` that is no longer the applier's. */
  change(object: Manifest, change: Readonly<Record<string, unknown>>, release?: string): Manifest {
    const before = this.#applied.get(keyOf(object)) as { spec?: Record<string, unknown> } | undefined;
    if (release !== undefined && before !== undefined) {
      const { [release]: _, ...spec } = before.spec ?? {};
      this.#applied.set(keyOf(object), { ...before, spec });
    }
    const live = this.#found(object.kind, object.metadata);
    return this.#put(live, { ...live, ...change });
  }

  #found(kind: string, ref: ObjectRef): Manifest {
    const live = this.get(kind, ref);
    if (live === undefined) throw refusal({ kind, metadata: ref }, 404, 'NotFound');
    return live;
  }

  #check(live: Manifest, { uid, resourceVersion }: Precondition): void {
    const { metadata } = live;
    if (uid !== undefined && uid !== metadata.uid) throw refusal(live, 409, 'Conflict');
    if (!this.#checksVersions || resourceVersion === undefined) return;
    if (resourceVersion !== metadata.resourceVersion) throw refusal(live, 409, 'Conflict');
  }

  #add(object: Manifest): Manifest {
    const metadata = {
      ...object.metadata,
      uid: `uid-${String(this.#versions + 1)}`,
      generation: 1,
      creationTimestamp: new Date(this.now).toISOString(),
    };
    return this.#keep(withDefaults({ ...object, metadata }));
  }

  #put(live: Manifest, next: Manifest): Manifest {
    const { uid, creationTimestamp, generation = 1, resourceVersion } = live.metadata;
    const object = withDefaults(next);
    const isNewSpec = !isDeepStrictEqual(object['spec'], live['spec']);
    const metadata = {
      ...object.metadata,
      ...(uid === undefined ? {} : { uid }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      generation: isNewSpec ? generation + 1 : generation,
    };
    const changed = { ...object, metadata };
    return isDeepStrictEqual(changed, live) ? live : this.#keep(changed);
  }

  #keep(object: Manifest): Manifest {
    this.#versions += 1;
    const kept = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#versions) } };
    this.#objects.set(keyOf(object), kept);
    this.history.push({ kind: object.kind, name: object.metadata.name, object: kept });
    return kept;
  }

  #delete(object: Manifest): void {
    this.#objects.delete(keyOf(object));
    this.#applied.delete(keyOf(object));
    this.history.push({ kind: object.kind, name: object.metadata.name, object: undefined });
    const { uid } = object.metadata;
    for (const other of this.all())
      if (other.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true) this.#delete(other);
  }
}

/** The one default that a forgotten key would fall back to with consequences. */
function withDefaults(object: Manifest): Manifest {
  if (object.kind !== 'Deployment') return object;
  return { ...object, spec: { replicas: 1, ...(object['spec'] as object) } };
}

function keyOf({ kind, metadata }: Pick<Manifest, 'kind' | 'metadata'>): string {
  return `${kind} ${metadata.name}`;
}

function refusal(
  { kind, metadata }: { kind: string; metadata: ObjectRef },
  code: number,
  reason: string,
): KubeApiError {
  return new KubeApiError(`write ${kind} ${metadata.name}`, code, { reason });
}
