import type { KubeObject, ObjectMeta } from './kube-object.ts';

/** Server-side apply's bookkeeping, often longer than the object itself, is for the API server only. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (!Object.hasOwn(object.metadata, 'managedFields')) return object;
  const { managedFields: _, ...metadata } = object.metadata as ObjectMeta & { managedFields?: unknown };
  return { ...object, metadata };
}
