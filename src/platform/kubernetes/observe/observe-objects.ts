/** What an application should consist of, compared with what there is; and what nobody wants any more. Pure. */
import type { ObjectObservation } from '../../observation.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { OWNED_KINDS, type AppRef, type ClusterView } from '../cluster-view.ts';
import { ANNOTATIONS, databaseClaim, databasePod, namesOf } from '../objects/names.ts';
import { wantedObjects, type ClusterPrepared } from '../objects/prepared.ts';
import { claimChange } from './claim-change.ts';
import { differenceOf } from './difference.ts';
import {
  conditionOf,
  isOnSilentNode,
  silentNodes,
  type Node,
  type PersistentVolumeClaim,
  type Pod,
  type Secret,
} from './kinds.ts';
import { isFinished } from './observe-migrations.ts';

export interface ObjectsInput extends AppRef {
  readonly view: ClusterView;
  /** Of the App. */
  readonly uid: string;
  readonly wanted: ClusterPrepared;
  readonly inForce: ClusterPrepared;
}

export function observeObjects(input: ObjectsInput): ObjectObservation[] {
  const { view, namespace, wanted, inForce } = input;
  const objects = wantedObjects(wanted, inForce);
  const compared = objects.map(({ manifest, phase, part }): ObjectObservation => {
    const { kind, metadata } = manifest;
    const live = view.get(kind as (typeof OWNED_KINDS)[number], { namespace, name: metadata.name });
    const about = { kind, name: metadata.name, phase, part };
    if (live === undefined) return { ...about, state: 'missing' };
    const difference = differenceOf(manifest, live);
    return difference === undefined
      ? { ...about, state: 'as-wanted' }
      : { ...about, state: 'different', difference };
  });
  const known = new Set(objects.map(({ manifest: { kind, metadata } }) => `${kind} ${metadata.name}`));
  return [
    ...compared,
    ...claimOf(input),
    ...accountsOf(input),
    ...lostMigrators(input),
    ...orphans(input, known),
  ];
}

/** Made from the StatefulSet's template once, and never by that again. */
function claimOf({ view, namespace, name, wanted }: ObjectsInput): ObjectObservation[] {
  const claim = databaseClaim(name);
  const live = view.get<PersistentVolumeClaim>('PersistentVolumeClaim', { namespace, name: claim });
  const change = claimChange(wanted.app.database, live, view.all('StorageClass'));
  if (change === undefined) return [];
  const about = { kind: 'PersistentVolumeClaim', name: claim, phase: 'database', part: 'database' } as const;
  return [{ ...about, state: 'different', difference: change.difference }];
}

/** The database's pod has the accounts of the Secret as it is now; a mark on the pod hurries the kubelet. */
function accountsOf({ view, namespace, name, wanted }: ObjectsInput): ObjectObservation[] {
  if (wanted.app.database?.topology !== 'single') return [];
  const pod = view.get<Pod>('Pod', { namespace, name: databasePod(name) });
  const secret = view.get<Secret>('Secret', { namespace, name: namesOf(name).database });
  if (pod === undefined || secret === undefined || conditionOf(pod, 'Ready')?.status !== 'True') return [];
  const mark = pod.metadata.annotations?.[ANNOTATIONS.accounts];
  if (mark === secret.metadata.resourceVersion) return [];
  return [
    {
      kind: 'Pod',
      name: pod.metadata.name,
      phase: 'database',
      part: 'database',
      state: 'different',
      difference: 'its accounts may be older than the Secret',
    },
  ];
}

/**
 * Migrators that were given up on a node that does not answer: their Job waits for them for ever. Should one
 * still be at work, the lock in the database keeps the next one waiting.
 */
function lostMigrators({ view, namespace, name }: ObjectsInput): ObjectObservation[] {
  const silent = silentNodes(view.all<Node>('Node'));
  return view
    .of<Pod>('Pod', { namespace, name })
    .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] === 'migrations')
    .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    .filter(
      (pod) => isOnSilentNode(pod, silent) && !['Failed', 'Succeeded'].includes(pod.status?.phase ?? ''),
    )
    .map(({ metadata }) => ({
      kind: 'Pod',
      name: metadata.name,
      phase: 'database',
      part: 'migrations',
      state: 'orphaned',
    }));
}

/** What this App owns and nobody wants any more. A Job that still runs is left to end. */
function orphans(
  { view, namespace, name, uid, wanted, inForce }: ObjectsInput,
  known: ReadonlySet<string>,
): ObjectObservation[] {
  const names = namesOf(name);
  const jobs = [wanted, inForce].flatMap(({ migrationSet }) =>
    migrationSet === undefined ? [] : [names.migration(migrationSet), names.contract(migrationSet)],
  );
  const tables = inForce.app.services
    .filter((s) => s.stateful !== undefined)
    .map((s) => names.owners(s.name));
  const kept = new Set([names.memory, ...tables].map((map) => `ConfigMap ${map}`));
  const isKept = (object: KubeObject): boolean => {
    if (object.kind === 'Job') return jobs.includes(object.metadata.name) || !isFinished(object);
    const key = `${object.kind} ${object.metadata.name}`;
    return known.has(key) || kept.has(key);
  };
  return OWNED_KINDS.flatMap((kind) => view.of(kind, { namespace, name }))
    .filter(
      (object) => isOwned(object, uid) && object.metadata.deletionTimestamp === undefined && !isKept(object),
    )
    .map(({ kind, metadata }) => ({
      kind,
      name: metadata.name,
      phase: 'services',
      part: metadata.labels?.['app.kubernetes.io/name'] ?? 'application',
      state: 'orphaned',
    }));
}

/** Only what the controller made: migration files that were deployed with the App have another owner's mark. */
function isOwned({ metadata }: KubeObject, uid: string): boolean {
  return metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.controller === true) ?? false;
}
