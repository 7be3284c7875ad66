/** The objects of an informer by key. Listeners hear of each change once, after it can be read. */
import { keyOf, type KubeObject } from './kube-object.ts';

/** Gets undefined for an object that is gone. */
export type ChangeListener<T> = (key: string, object: T | undefined) => void;

export class ObjectStore<T extends KubeObject> {
  #objects = new Map<string, T>();
  readonly #listeners = new Set<ChangeListener<T>>();
  readonly #onError: (error: unknown) => void;

  /** `onError` gets what a listener throws. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  all(): T[] {
    return [...this.#objects.values()];
  }

  onChange(listener: ChangeListener<T>): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  set(object: T): void {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    this.#objects.set(key, object);
    if (before === undefined || differs(before, object)) this.#tell(key);
  }

  delete(key: string): void {
    if (this.#objects.delete(key)) this.#tell(key);
  }

  replaceAll(objects: readonly T[]): void {
    const before = this.#objects;
    this.#objects = new Map(objects.map((object) => [keyOf(object.metadata), object]));
    for (const key of before.keys()) {
      if (!this.#objects.has(key)) this.#tell(key);
    }
    for (const [key, object] of this.#objects) {
      const known = before.get(key);
      if (known === undefined || differs(known, object)) this.#tell(key);
    }
  }

  #tell(key: string): void {
    for (const listener of this.#listeners) {
      try {
        listener(key, this.#objects.get(key));
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}

/** An object that was deleted and made again has another UID, and always another version. */
function differs(one: KubeObject, other: KubeObject): boolean {
  return one.metadata.resourceVersion !== other.metadata.resourceVersion;
}
