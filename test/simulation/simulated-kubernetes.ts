/**
 * Kubernetes' own controllers, crudely: Deployments are rolled out one pod at a time, a StatefulSet has its
 * pod, an autoscaler keeps its bounds, a Job applies its files or fails. A pod gets ready on the tick after
 * it was made if its image is any good, its Secrets are there, and the migrations that it waits for are
 * applied. Everything goes by ticks of one second.
 */
import type { Deployment, Job, Pod, Secret } from '../../src/platform/kubernetes/observe/kinds.ts';
import { conditionOf } from '../../src/platform/kubernetes/observe/kinds.ts';
import { digest, ownerOf, type Manifest } from '../../src/platform/kubernetes/objects/manifest.ts';
import type { SimulatedApi } from './simulated-api.ts';

/** Instances with such an image never get ready; migrations fail. */
export const BROKEN = 'broken';
/** Ticks without progress after which a rollout is given up. */
export const DEADLINE = 4;
const TICK = 1000;

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly {
    readonly valueFrom?: { readonly secretKeyRef?: { name: string; key: string } };
  }[];
}

interface PodSpec {
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
}

interface Template {
  readonly metadata: {
    readonly labels: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec: PodSpec;
}

type ClaimingSet = Templated & {
  readonly spec: {
    readonly volumeClaimTemplates: readonly Pick<Manifest, 'metadata' | 'spec'>[];
    readonly persistentVolumeClaimRetentionPolicy: { readonly whenDeleted: 'Retain' | 'Delete' };
  };
};

type Templated = Manifest & { readonly spec: { readonly replicas?: number; readonly template: Template } };

export class SimulatedKubernetes {
  readonly #api: SimulatedApi;
  /** The files, by image, whose migrations are applied. */
  readonly migrated = new Set<string>();
  /** Of each rollout: how far it was, and since when. */
  readonly #progress = new Map<string, { readonly state: string; readonly since: number }>();
  #pods = 0;

  constructor(api: SimulatedApi) {
    this.#api = api;
  }

  tick(): void {
    const api = this.#api;
    api.now += TICK;
    for (const pod of api.all('Pod')) this.#live(pod as Manifest & Pod);
    for (const set of api.all('StatefulSet')) this.#keepPod(set as Templated);
    for (const job of api.all('Job')) this.#migrate(job);
    for (const scaler of api.all('HorizontalPodAutoscaler')) this.#scale(scaler);
    for (const deployment of api.all('Deployment')) this.#roll(deployment as Templated);
  }

  /** A pod that was told to end is gone; one that can work is ready. */
  #live(pod: Manifest & Pod): void {
    if (pod.metadata.deletionTimestamp !== undefined) return this.#api.remove('Pod', pod.metadata);
    const isReady = this.#canWork(pod.spec as unknown as PodSpec);
    if ((conditionOf(pod, 'Ready')?.status === 'True') === isReady) return;
    this.#api.change(pod, { status: statusOf(pod.spec as unknown as PodSpec, isReady, this.#api.now) });
  }

  #canWork({ initContainers = [], containers }: PodSpec): boolean {
    const files = initContainers.find(({ name }) => name === 'migration-files');
    if (files !== undefined && !this.migrated.has(files.image)) return false;
    return containers.every(
      ({ image, env = [] }) =>
        !image.includes(BROKEN) &&
        env.every(({ valueFrom }) => {
          const source = valueFrom?.secretKeyRef;
          if (source === undefined) return true;
          const secret = this.#api.get('Secret', source) as Secret | undefined;
          return secret?.data?.[source.key] !== undefined;
        }),
    );
  }

  #keepPod(set: Templated): void {
    const name = `${set.metadata.name}-0`;
    this.#claimFor(set as ClaimingSet, name);
    if (this.#api.get('Pod', { name }) === undefined) this.#start(set, name, set.spec.template);
  }

  /** Each pod has a claim for each template, which outlives the set unless told otherwise. */
  #claimFor(set: ClaimingSet, pod: string): void {
    const { volumeClaimTemplates, persistentVolumeClaimRetentionPolicy } = set.spec;
    for (const { metadata, spec } of volumeClaimTemplates) {
      const name = `${metadata.name}-${pod}`;
      if (this.#api.get('PersistentVolumeClaim', { name }) !== undefined) continue;
      const goes = persistentVolumeClaimRetentionPolicy.whenDeleted === 'Delete';
      this.#api.create({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          ...metadata,
          name,
          namespace: set.metadata.namespace ?? '',
          ...(goes ? { ownerReferences: [ownerOf(set)] } : {}),
        },
        spec: { ...(spec as object), storageClassName: 'standard' },
        status: { phase: 'Bound' },
      });
    }
  }

  #migrate(job: Manifest & Job): void {
    if (job.status !== undefined) {
      if (job.status.active === 1) this.#finish(job);
      return;
    }
    this.#api.change(job, { status: { active: 1 } });
  }

  #finish(job: Manifest & Job): void {
    const { template } = (job as unknown as Templated).spec;
    const files = template.spec.initContainers?.[0]?.image ?? '';
    const isBroken = files.includes(BROKEN);
    if (!isBroken) this.migrated.add(files);
    const condition = isBroken
      ? { type: 'Failed', status: 'True', message: 'V2__broken.sql: statement 1 failed' }
      : { type: 'Complete', status: 'True' };
    this.#api.change(job, { status: { conditions: [condition] } });
  }

  #scale(scaler: Manifest): void {
    const { minReplicas, maxReplicas, scaleTargetRef } = scaler['spec'] as {
      minReplicas: number;
      maxReplicas: number;
      scaleTargetRef: { name: string };
    };
    const target = this.#api.get('Deployment', scaleTargetRef) as Templated | undefined;
    const { replicas = 1 } = target?.spec ?? {};
    const wanted = Math.min(maxReplicas, Math.max(minReplicas, replicas));
    if (target !== undefined && wanted !== replicas)
      this.#api.change(target, { spec: { ...target.spec, replicas: wanted } }, 'replicas');
  }

  #roll(deployment: Templated): void {
    const { replicas = 1, template } = deployment.spec;
    const hash = digest(template).slice(0, 8);
    const pods = this.#podsOf(deployment);
    const updated = pods.filter(({ metadata }) => metadata.labels?.['pod-template-hash'] === hash);
    const outdated = pods.filter((pod) => !updated.includes(pod));
    const ready = pods.filter((pod) => conditionOf(pod, 'Ready')?.status === 'True');
    if (updated.length < replicas && pods.length < replicas + Math.ceil(replicas / 4)) {
      this.#pods += 1;
      this.#start(deployment, `${deployment.metadata.name}-${hash}-${String(this.#pods)}`, template, hash);
    }
    if (updated.length > replicas) this.#end(updated.at(-1));
    const useless = outdated.find((pod) => !ready.includes(pod));
    if (useless !== undefined) this.#end(useless);
    else if (ready.length > replicas) this.#end(outdated[0]);
    this.#report(deployment, hash);
  }

  #report(deployment: Templated, hash: string): void {
    const { replicas = 1 } = deployment.spec;
    const pods = this.#podsOf(deployment);
    const readyPods = pods.filter((pod) => conditionOf(pod, 'Ready')?.status === 'True');
    const updated = pods.filter(({ metadata }) => metadata.labels?.['pod-template-hash'] === hash);
    const ready = readyPods.filter((pod) => updated.includes(pod)).length;
    const isComplete = ready === replicas && pods.length === replicas;
    const waited = this.#waited(deployment, `${hash} ${String(replicas)} ${String(ready)}`);
    const isStuck = !isComplete && waited > DEADLINE * TICK;
    const status: Deployment['status'] = {
      observedGeneration: this.#api.get('Deployment', deployment.metadata)?.metadata.generation ?? 1,
      replicas: pods.length,
      updatedReplicas: updated.length,
      readyReplicas: readyPods.length,
      availableReplicas: readyPods.length,
      conditions: [
        isStuck
          ? { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }
          : { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
      ],
    };
    this.#api.change(deployment, { status });
  }

  /** How long a Deployment has been in a state, in ms. */
  #waited({ metadata: { uid = '' } }: Manifest, state: string): number {
    const before = this.#progress.get(uid);
    const since = before?.state === state ? before.since : this.#api.now;
    this.#progress.set(uid, { state, since });
    return this.#api.now - since;
  }

  #podsOf({ metadata }: Manifest): (Manifest & Pod)[] {
    return this.#api
      .all('Pod')
      .filter((pod) => pod.metadata.ownerReferences?.[0]?.uid === metadata.uid)
      .filter((pod) => pod.metadata.deletionTimestamp === undefined) as (Manifest & Pod)[];
  }

  #start(owner: Manifest, name: string, { metadata, spec }: Template, hash?: string): void {
    const labels = { ...metadata.labels, ...(hash === undefined ? {} : { 'pod-template-hash': hash }) };
    this.#api.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: owner.metadata.namespace ?? '',
        labels,
        annotations: metadata.annotations ?? {},
        ownerReferences: [ownerOf(owner)],
      },
      spec: { ...spec, nodeName: 'node1' },
      status: statusOf(spec, false, this.#api.now),
    });
  }

  #end(pod: Manifest | undefined): void {
    if (pod === undefined) return;
    const deletionTimestamp = new Date(this.#api.now).toISOString();
    this.#api.change(pod, { metadata: { ...pod.metadata, deletionTimestamp } });
  }
}

function statusOf({ containers }: PodSpec, isReady: boolean, now: number): NonNullable<Pod['status']> {
  const { name, image } = containers[0] ?? { name: '', image: '' };
  const state = image.includes(BROKEN)
    ? { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } }
    : {};
  return {
    phase: 'Running',
    conditions: [
      { type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: new Date(now).toISOString() },
    ],
    containerStatuses: [{ name, ready: isReady, started: isReady, restartCount: 0, state }],
  };
}
