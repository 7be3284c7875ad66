/**
 * The objects of a cluster at one moment. A round decides and writes by one and the same view: a write
 * whose precondition came from a later look would pass, although what it was decided on has changed.
 */
import { keyOf, type KubeObject, type ObjectRef, type RESOURCE_TYPES } from './api/kube-object.ts';
import { APP_LABEL } from './objects/names.ts';

/** Kinds of objects that an application consists of; those that it may delete by itself come first. */
export const OWNED_KINDS = [
  'Deployment',
  'StatefulSet',
  'Job',
  'Service',
  'ConfigMap',
  'Secret',
  'ServiceAccount',
  'Role',
  'RoleBinding',
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
  'Ingress',
] as const;

export type Kind = keyof typeof RESOURCE_TYPES;

/** An application, by the name and the namespace of its App. */
export interface AppRef {
  readonly namespace: string;
  readonly name: string;
}

export class ClusterView {
  readonly #objects: ReadonlyMap<Kind, ReadonlyMap<string, KubeObject>>;

  /** @param objects those of each kind that is watched */
  constructor(objects: ReadonlyMap<Kind, readonly KubeObject[]>) {
    const byKey = (list: readonly KubeObject[]): Map<string, KubeObject> =>
      new Map(list.map((object) => [keyOf(object.metadata), object]));
    this.#objects = new Map([...objects].map(([kind, list]) => [kind, byKey(list)]));
  }

  /** The objects of a kind that belong to an application. */
  of<T extends KubeObject>(kind: Kind, { namespace, name }: AppRef): T[] {
    return this.all<T>(kind).filter(
      ({ metadata }) => metadata.namespace === namespace && metadata.labels?.[APP_LABEL] === name,
    );
  }

  // oxlint-disable-next-line no-unnecessary-type-parameters -- the kind decides on the type
  get<T extends KubeObject>(kind: Kind, ref: ObjectRef): T | undefined {
    return this.#of<T>(kind)?.get(keyOf(ref));
  }

  all<T extends KubeObject>(kind: Kind): T[] {
    return [...(this.#of<T>(kind)?.values() ?? [])];
  }

  #of<T extends KubeObject>(kind: Kind): ReadonlyMap<string, T> | undefined {
    // The objects of a kind are of the type of that kind: the API server answers by type.
    return this.#objects.get(kind) as ReadonlyMap<string, T> | undefined;
  }
}
