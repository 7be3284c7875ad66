/** Every change of an application's pods and Jobs, in the order in which the API server tells of them. */
import { Informer } from '../../../src/platform/kubernetes/api/informer.ts';
import { RESOURCE_TYPES, type KubeObject } from '../../../src/platform/kubernetes/api/kube-object.ts';
import { conditionOf, type Job, type Pod } from '../../../src/platform/kubernetes/observe/kinds.ts';
import { SERVICE_LABEL } from '../../../src/platform/kubernetes/objects/names.ts';
import type { Community } from './community.ts';

export type PodChange = 'created' | 'started' | 'ready' | 'leaving' | 'gone';

export interface PodMoment {
  readonly name: string;
  readonly service: string;
  readonly change: PodChange;
  /** When this process heard of it; ms since the epoch. */
  readonly at: number;
}

export class PodHistory implements Disposable {
  /** Of instances of services. */
  readonly moments: PodMoment[] = [];
  /** Of all else: routers, the database, Jobs. */
  readonly others: PodMoment[] = [];
  /** Fewest ready pods that stayed, of each service, since `watch`. */
  readonly fewest: Record<string, number> = {};
  /** When each Job was Complete, as this process heard of it; ms since the epoch. */
  readonly completed = new Map<string, number>();
  /** When each pod was told to leave; ms since the epoch, to the second, by the API server's clock. */
  readonly left = new Map<string, number>();
  readonly #end = new AbortController();
  readonly #pods: Informer<Pod>;
  readonly #known = new Map<
    string,
    { readonly service: string | undefined; readonly changes: Set<PodChange> }
  >();
  #synced = false;

  private constructor(app: Community) {
    const options = { namespace: app.namespace, random: Math.random, onError: () => undefined };
    this.#pods = new Informer<Pod>(app.client, { ...options, type: RESOURCE_TYPES.Pod });
    this.#pods.onChange((key, pod) => this.#notePod(key, pod));
    const jobs = new Informer<Job>(app.client, { ...options, type: RESOURCE_TYPES.Job });
    jobs.onChange((key, job) => this.#noteJob(key, job));
    void this.#pods.start(this.#end.signal);
    void jobs.start(this.#end.signal);
  }

  /** From now on; what is already so does not become a moment. */
  static async watch(app: Community): Promise<PodHistory> {
    const history = new PodHistory(app);
    await history.#pods.synced;
    history.moments.length = 0;
    history.others.length = 0;
    history.#synced = true;
    history.#count();
    return history;
  }

  of(service: string, change: PodChange): PodMoment[] {
    return this.moments.filter((moment) => moment.service === service && moment.change === change);
  }

  /** All moments in their order, each with its time after the first. */
  story(): string {
    const all = [...this.moments, ...this.others].toSorted((a, b) => a.at - b.at);
    const begun = all[0]?.at ?? 0;
    const lines = all.map(
      ({ name, change, at }) => `${String(at - begun).padStart(7)} ms  ${name} ${change}`,
    );
    return [`from ${begun} of the clock:`, ...lines].join('\n');
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }

  #notePod(key: string, pod: Pod | undefined): void {
    const name = key.slice(key.indexOf('/') + 1);
    const service = pod?.metadata.labels?.[SERVICE_LABEL] ?? this.#known.get(name)?.service;
    this.#noteChanges(name, service, changesOf(pod, service));
    if (service === undefined) return;
    const left = leftAt(pod);
    // The kubelet's own deletion at the end would bring the time forward.
    if (left !== undefined && !this.left.has(name)) this.left.set(name, left);
    this.#count();
  }

  #noteChanges(name: string, service: string | undefined, changes: readonly PodChange[]): void {
    const known = this.#known.get(name) ?? { service, changes: new Set() };
    this.#known.set(name, known);
    for (const change of changes) {
      if (known.changes.has(change)) continue;
      known.changes.add(change);
      const moments = service === undefined ? this.others : this.moments;
      moments.push({ name, service: service ?? '', change, at: Date.now() });
    }
  }

  #noteJob(key: string, job: Job | undefined): void {
    if (job === undefined || conditionOf(job, 'Complete')?.status !== 'True') return;
    if (!this.completed.has(key)) this.completed.set(key, Date.now());
  }

  #count(): void {
    if (!this.#synced) return;
    const ready = Map.groupBy(
      this.#pods.all().filter(isThere),
      (pod) => pod.metadata.labels?.[SERVICE_LABEL] ?? '',
    );
    const services = [...this.#known.values()].flatMap(({ service }) => service ?? []);
    for (const service of new Set(services))
      this.fewest[service] = Math.min(this.fewest[service] ?? Infinity, ready.get(service)?.length ?? 0);
  }
}

function isThere(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && conditionOf(pod, 'Ready')?.status === 'True';
}

/** @param service undefined: what counts as its start is that of its first container */
function changesOf(pod: Pod | undefined, service: string | undefined): PodChange[] {
  if (pod === undefined) return ['gone'];
  const container = pod.status?.containerStatuses?.find(({ name }) => (service ?? name) === name);
  return [
    'created',
    ...(container?.state?.running === undefined ? [] : (['started'] as const)),
    ...(conditionOf(pod, 'Ready')?.status === 'True' ? (['ready'] as const) : []),
    ...(pod.metadata.deletionTimestamp === undefined ? [] : (['leaving'] as const)),
  ];
}

/** The time of the deletion, without the grace that is added to it. */
function leftAt(pod: KubeObject | undefined): number | undefined {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod?.metadata ?? {};
  return deletionTimestamp === undefined
    ? undefined
    : Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
}
