/** Objects as they are sent to the API server, and digests of what they are made from. Pure. */
import { createHash } from 'node:crypto';
import type { KubeObject, OwnerReference } from '../api/kube-object.ts';

/** An object with whatever its kind has beside the metadata. */
export type Manifest = KubeObject & Readonly<Record<string, unknown>>;

/** Which phase of the plan brings an object about. */
export type ObjectPhase = 'database' | 'services' | 'routes';

/** An object that is wanted, and what it belongs to. */
export interface WantedObject {
  readonly phase: ObjectPhase;
  /** A service, or database, migrations, router. */
  readonly part: string;
  readonly manifest: Manifest;
}

export interface About {
  readonly namespace: string;
  /** The App; what it owns is removed with it. */
  readonly owner?: OwnerReference;
  readonly labels: Record<string, string>;
  readonly annotations?: Record<string, string>;
}

/** @param kind such as `apps/v1 Deployment` */
export function manifest(kind: string, name: string, about: About, content: object): Manifest {
  const [apiVersion = '', kindName = ''] = kind.split(' ');
  const { namespace, owner, labels, annotations } = about;
  return {
    apiVersion,
    kind: kindName,
    metadata: {
      name,
      namespace,
      labels,
      ...(annotations === undefined ? {} : { annotations }),
      ...(owner === undefined ? {} : { ownerReferences: [owner] }),
    },
    ...content,
  };
}

/** 16 hex characters of a value's content; the order of keys is part of it. */
export function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

/** The mark that an object goes when `owner` goes. */
export function ownerOf({ apiVersion, kind, metadata }: KubeObject): OwnerReference {
  const { name, uid = '' } = metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}
