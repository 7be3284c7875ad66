/**
 * What the volume claim of a database may still be given of what the file asks for. Kubernetes lets a claim
 * have a class as long as it has none, and grow where its class allows that; all else of it is for good, and
 * is told instead of being tried. Pure.
 */
import type { Database } from '../../../app/model.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { binarySize } from '../objects/pod-parts.ts';
import { quantity } from './difference.ts';
import type { PersistentVolumeClaim } from './kinds.ts';

export interface ClaimChange {
  /** Path of what differs. */
  readonly difference: string;
  /** JSON merge patch. */
  readonly patch: object;
}

type ClaimSpec = NonNullable<PersistentVolumeClaim['spec']>;
type StorageClass = KubeObject & { readonly allowVolumeExpansion?: boolean };

/** Undefined when there is nothing that could be given. */
export function claimChange(
  database: Database | undefined,
  claim: PersistentVolumeClaim | undefined,
  classes: readonly StorageClass[],
): ClaimChange | undefined {
  if (database?.topology !== 'single' || claim?.spec === undefined) return undefined;
  const { storageClassName } = claim.spec;
  if (storageClassName === undefined) return classChange(database.storageClass);
  const mayGrow = canGrow(storageClassName, classes) && claim.status?.phase === 'Bound';
  return mayGrow ? growth(database.storage, claim.spec) : undefined;
}

/** What can't be had of what the file asks for, and what to do; undefined when nothing is in the way. */
export function claimProblem(
  database: Database | undefined,
  claim: PersistentVolumeClaim | undefined,
  classes: readonly StorageClass[],
): string | undefined {
  if (database?.topology !== 'single' || claim?.spec === undefined) return undefined;
  const { storageClassName: present } = claim.spec;
  const { storageClass: wanted } = database;
  if (present === undefined) return undefined;
  if (wanted !== undefined && wanted !== present)
    return (
      `database.storageClass is ${wanted}, but the volume was made with ${present} and keeps it. ` +
      `Write storageClass: ${present}, or leave it out`
    );
  return sizeProblem(database.storage, claim.spec, canGrow(present, classes));
}

function sizeProblem(
  bytes: number,
  { resources, storageClassName = '' }: ClaimSpec,
  mayGrow: boolean,
): string | undefined {
  const present = quantity(resources?.requests?.storage);
  if (present === undefined || present === bytes) return undefined;
  const [asked, has] = [binarySize(bytes), binarySize(present)];
  if (present > bytes)
    return `database.storage is ${asked}, but the volume has ${has} and never shrinks. Write storage: ${has}`;
  if (mayGrow) return undefined;
  return (
    `database.storage is ${asked}, but the storage class ${storageClassName} does not let the volume grow beyond ` +
    `${has}. Write storage: ${has}, or have the class allow it: ` +
    `kubectl patch storageclass ${storageClassName} --patch '{"allowVolumeExpansion":true}'`
  );
}

function canGrow(name: string, classes: readonly StorageClass[]): boolean {
  return classes.some(
    ({ metadata, allowVolumeExpansion }) => metadata.name === name && allowVolumeExpansion === true,
  );
}

function classChange(storageClassName: string | undefined): ClaimChange | undefined {
  if (storageClassName === undefined) return undefined;
  return { difference: 'spec.storageClassName', patch: { spec: { storageClassName } } };
}

function growth(bytes: number, { resources }: ClaimSpec): ClaimChange | undefined {
  const present = quantity(resources?.requests?.storage);
  if (present === undefined || present >= bytes) return undefined;
  const requests = { storage: binarySize(bytes) };
  return { difference: 'spec.resources.requests.storage', patch: { spec: { resources: { requests } } } };
}
