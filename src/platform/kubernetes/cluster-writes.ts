/**
 * What is written to a cluster for one application. Every write carries the identity and version of what it
 * was decided on, as they stood in the view of its round.
 */
import { defined } from '../../app/defined.ts';
import { valueAt } from '../../app/raw-value.ts';
import { isCopied } from '../../routing/hand-over/copied-table.ts';
import type { ClusterStep, PublishTableStep, SessionStep } from '../step.ts';
import type { KubeClient } from './api/kube-client.ts';
import { RESOURCE_TYPES, typeOf, type KubeObject } from './api/kube-object.ts';
import type { AppSessions, WrittenTable } from './app-sessions.ts';
import { OWNED_KINDS, type ClusterView } from './cluster-view.ts';
import { migrationSource } from './objects/application-objects.ts';
import { manifest, ownerOf, type Manifest } from './objects/manifest.ts';
import { migrationJob, type JobExtent } from './objects/migration-job.ts';
import { ownersData } from './objects/owners-data.ts';
import { ANNOTATIONS, labelsOf, namesOf } from './objects/names.ts';
import type { Images } from './objects/pod-parts.ts';
import { wantedObjects, type ClusterPrepared } from './objects/prepared.ts';
import { claimChange } from './observe/claim-change.ts';
import { differenceOf } from './observe/difference.ts';
import { DELETION_COST } from './observe/observe-instances.ts';
import type { AppObject, ConfigMap, Deployment, PersistentVolumeClaim } from './observe/kinds.ts';

export interface ClusterWritesInput {
  readonly client: KubeClient;
  readonly view: ClusterView;
  readonly object: AppObject;
  readonly images: Images;
  readonly sessions: AppSessions;
}

export class ClusterWrites {
  readonly #input: ClusterWritesInput;
  readonly #namespace: string;
  readonly #name: string;

  constructor(input: ClusterWritesInput) {
    this.#input = input;
    this.#namespace = input.object.metadata.namespace ?? '';
    this.#name = input.object.metadata.name;
  }

  /** @throws KubeApiError */
  async carryOut(
    step: ClusterStep,
    wanted: ClusterPrepared,
    inForce: ClusterPrepared | undefined,
  ): Promise<void> {
    switch (step.kind) {
      case 'apply-object':
        return this.#applyObject(step, wanted, inForce);
      case 'delete-object':
        return this.#deleteObject(step);
      case 'migrate':
        return this.#migrate(wanted, { extent: step.extent });
      case 'contract':
        return this.#migrate(inForce ?? wanted, { extent: 'contract', contracts: step.files });
      case 'publish-table':
        if (isCopied(step.table)) return this.#sessions(step);
        return this.#publish(step);
      case 'tell-table':
      case 'hand-over':
        return this.#sessions(step);
      case 'rank-instances':
        return this.#rank(step.ranks);
    }
  }

  async #applyObject(
    { object, name }: { readonly object: string; readonly name: string },
    wanted: ClusterPrepared,
    inForce: ClusterPrepared = wanted,
  ): Promise<void> {
    if (object === 'Pod') return this.#handOverAccounts(name);
    if (object === 'PersistentVolumeClaim') return this.#mendClaim(name, wanted);
    const found = wantedObjects(wanted, inForce).find(
      ({ manifest: m }) => m.kind === object && m.metadata.name === name,
    );
    if (found === undefined) return;
    const live = this.#live(found.manifest);
    const next = keepingReplicas(found.manifest, live);
    if (live !== undefined && hasOtherClaims(next, live)) return this.#replaceSet(live);
    // Made by an apply too: a key that was given by a plain create could never be dropped again.
    const precondition = live === undefined ? ABSENT : identityOf(live);
    await this.#input.client.apply({ ...next, metadata: { ...next.metadata, ...precondition } });
  }

  /** The claims of a StatefulSet can't be changed: it goes, its pod stays, and the one that is made anew takes it over. */
  async #replaceSet({ metadata }: KubeObject): Promise<void> {
    if (metadata.deletionTimestamp !== undefined) return;
    const { uid = '', resourceVersion = '' } = metadata;
    const options = { uid, resourceVersion, propagation: 'Orphan' } as const;
    await this.#input.client.remove(RESOURCE_TYPES.StatefulSet, metadata, options);
  }

  async #mendClaim(name: string, { app }: ClusterPrepared): Promise<void> {
    const { view, client } = this.#input;
    const ref = { namespace: this.#namespace, name };
    const claim = view.get<PersistentVolumeClaim>('PersistentVolumeClaim', ref);
    const change = claimChange(app.database, claim, view.all('StorageClass'));
    if (claim === undefined || change === undefined) return;
    await client.mergePatch(RESOURCE_TYPES.PersistentVolumeClaim, ref, {
      ...change.patch,
      metadata: versionOf(claim),
    });
  }

  /** A pod whose annotations change gets its Secrets as they are now, not a minute later. */
  async #handOverAccounts(name: string): Promise<void> {
    const { view, client } = this.#input;
    const ref = { namespace: this.#namespace, name };
    const pod = view.get('Pod', ref);
    const secret = view.get('Secret', { namespace: this.#namespace, name: namesOf(this.#name).database });
    const version = secret?.metadata.resourceVersion;
    if (pod === undefined || version === undefined) return;
    const metadata = { ...versionOf(pod), annotations: { [ANNOTATIONS.accounts]: version } };
    await client.mergePatch(RESOURCE_TYPES.Pod, ref, { metadata });
  }

  async #deleteObject({ object, name }: { readonly object: string; readonly name: string }): Promise<void> {
    if (object === 'Pod') return this.#giveUp(name);
    const kind = OWNED_KINDS.find((candidate) => candidate === object);
    if (kind === undefined) return;
    const ref = { namespace: this.#namespace, name };
    const live = this.#input.view.get(kind, ref);
    if (live === undefined) return;
    const { uid, resourceVersion } = live.metadata;
    await this.#input.client.remove(RESOURCE_TYPES[kind], ref, {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    });
  }

  /** Says of a pod whose node does not answer that it has failed, as the cluster does once a node is removed. */
  async #giveUp(name: string): Promise<void> {
    const { view, client } = this.#input;
    const ref = { namespace: this.#namespace, name };
    const pod = view.get('Pod', ref);
    if (pod === undefined) return;
    const status = { phase: 'Failed', reason: 'NodeLost', message: 'its node does not answer' };
    const patch = { metadata: versionOf(pod), status };
    await client.mergePatch(RESOURCE_TYPES.Pod, ref, patch, { subresource: 'status' });
  }

  async #migrate(
    { app }: ClusterPrepared,
    what: { readonly extent: JobExtent; readonly contracts?: readonly string[] },
  ): Promise<void> {
    const files = migrationSource(app);
    if (files === undefined) return;
    const { images, client } = this.#input;
    const job = migrationJob({
      app,
      files,
      images,
      namespace: this.#namespace,
      owner: ownerOf(this.#input.object),
      ...what,
    });
    if (this.#live(job) === undefined) await client.create(job);
  }

  async #publish({ table, reason }: PublishTableStep): Promise<void> {
    await this.#writeTable({ table, reason }, undefined);
  }

  /** @param version of the table that it was made from; by default of what the view has */
  async #writeTable(next: WrittenTable, version: string | undefined): Promise<string | undefined> {
    const { client } = this.#input;
    const { service } = next.table;
    const about = {
      namespace: this.#namespace,
      owner: ownerOf(this.#input.object),
      labels: labelsOf(this.#name, 'router', service),
    };
    const name = namesOf(this.#name).owners(service);
    const published = this.#input.view.get<ConfigMap>('ConfigMap', { namespace: this.#namespace, name });
    const data = ownersData(published?.data, { ...next, at: Date.now() });
    const map = manifest('v1 ConfigMap', name, about, { data });
    const resourceVersion = version ?? this.#live(map)?.metadata.resourceVersion;
    const written =
      resourceVersion === undefined
        ? await client.create<KubeObject>(map)
        : await client.replace<KubeObject>({ ...map, metadata: { ...map.metadata, resourceVersion } });
    return written.metadata.resourceVersion;
  }

  async #sessions(step: SessionStep): Promise<void> {
    await this.#input.sessions.apply(step, (next, version) => this.#writeTable(next, version));
  }

  async #rank(ranks: Readonly<Record<string, number | null>>): Promise<void> {
    for (const [name, rank] of Object.entries(ranks)) {
      const ref = { namespace: this.#namespace, name };
      const pod = this.#input.view.get('Pod', ref);
      if (pod === undefined) continue;
      const annotations = { [DELETION_COST]: rank === null ? null : String(rank) };
      await this.#input.client.mergePatch(RESOURCE_TYPES.Pod, ref, {
        metadata: { ...versionOf(pod), annotations },
      });
    }
  }

  #live(object: Manifest): KubeObject | undefined {
    const { kind } = typeOf(object);
    return this.#input.view.get(kind as (typeof OWNED_KINDS)[number], object.metadata);
  }
}

function hasOtherClaims(next: Manifest, live: KubeObject): boolean {
  if (next.kind !== 'StatefulSet') return false;
  const claims = (object: object): unknown => valueAt(object, 'spec', 'volumeClaimTemplates');
  return differenceOf(claims(next), claims(live)) !== undefined;
}

/** An autoscaler's number stays: a number that is no longer named would fall back to 1. */
function keepingReplicas(next: Manifest, live: KubeObject | undefined): Manifest {
  if (next.kind !== 'Deployment' || live === undefined) return next;
  const { replicas } = (live as Deployment).spec;
  return { ...next, spec: { ...defined({ replicas }), ...(next['spec'] as object) } };
}

/**
 * The precondition that there is no such object: no object ever has this version. Server-side apply makes
 * an object that is not there whatever its version, and refuses (409) one that is there with another.
 */
const ABSENT = { resourceVersion: '1' };

/** The precondition that it is this object, in this version. Without the UID an apply would make one that is gone anew. */
function identityOf(live: KubeObject): { resourceVersion?: string; uid?: string } {
  const { uid } = live.metadata;
  return { ...versionOf(live), ...(uid === undefined ? {} : { uid }) };
}

function versionOf({ metadata }: KubeObject): { resourceVersion?: string } {
  return metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion };
}
