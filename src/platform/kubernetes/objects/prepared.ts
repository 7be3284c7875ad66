/** What an application comes to on a cluster: its objects, and which of them follow what. Pure. */
import type { Prepared } from '../../platform.ts';
import { digest, type WantedObject } from './manifest.ts';
import { ANNOTATIONS } from './names.ts';
import { MIGRATOR } from './secrets.ts';

export interface ClusterPrepared extends Prepared {
  readonly objects: readonly WantedObject[];
}

/** The database follows what is wanted, services and routes what is in force. */
export function wantedObjects(wanted: ClusterPrepared, inForce: ClusterPrepared): WantedObject[] {
  const isFoundation = ({ phase }: WantedObject): boolean => phase === 'database';
  return [
    ...withStillUsed(wanted.objects.filter(isFoundation), inForce.objects.filter(isFoundation)),
    ...inForce.objects.filter((object) => !isFoundation(object)),
  ].map(stamped);
}

/** What is in force keeps what it was started with, be it a whole database, until something else is in force. */
function withStillUsed(wanted: readonly WantedObject[], inForce: readonly WantedObject[]): WantedObject[] {
  const keyOf = ({ manifest: { kind, metadata } }: WantedObject): string => `${kind} ${metadata.name}`;
  const used = new Map(inForce.map((object) => [keyOf(object), object]));
  const names = new Set(wanted.map(keyOf));
  return [
    ...wanted.map((object) => withKeysOf(object, used.get(keyOf(object)))),
    ...inForce.filter((object) => !names.has(keyOf(object))),
  ];
}

/** A Secret has the keys of both; the migrator alone works for what is wanted. */
function withKeysOf(wanted: WantedObject, used: WantedObject | undefined): WantedObject {
  if (used === undefined || wanted.manifest.kind !== 'Secret') return wanted;
  const next = dataOf(wanted);
  const own = MIGRATOR in next ? { [MIGRATOR]: next[MIGRATOR] } : {};
  return { ...wanted, manifest: { ...wanted.manifest, data: { ...next, ...dataOf(used), ...own } } };
}

function dataOf({ manifest }: WantedObject): Readonly<Record<string, unknown>> {
  return (manifest['data'] ?? {}) as Readonly<Record<string, unknown>>;
}

/** A key that is dropped can be seen only by this mark: comparing with what is there would not miss it. */
function stamped(object: WantedObject): WantedObject {
  const { manifest } = object;
  // A digest of secrets would tell whoever may read annotations that one has changed.
  const mark = digest(manifest.kind === 'Secret' ? Object.keys(dataOf(object)).toSorted() : manifest);
  const annotations = { ...manifest.metadata.annotations, [ANNOTATIONS.applied]: mark };
  return { ...object, manifest: { ...manifest, metadata: { ...manifest.metadata, annotations } } };
}
