/** The notes service, which hands its sessions over, as an App in a namespace of its own, and what tests ask of it. */
import type { App } from '../../../src/app/model.ts';
import { appFromData } from '../../../src/app/parse.ts';
import type { ServiceStatus } from '../../../src/controller/status.ts';
import { RESOURCE_TYPES, type KubeObject } from '../../../src/platform/kubernetes/api/kube-object.ts';
import type { AppObject, Pod } from '../../../src/platform/kubernetes/observe/kinds.ts';
import { namesOf, SERVICE_LABEL } from '../../../src/platform/kubernetes/objects/names.ts';
import { followPodLogs } from '../../../src/platform/kubernetes/verbs/pod-logs.ts';
import { restartAnnotations, scaleAnnotations } from '../../../src/platform/kubernetes/verbs/wishes.ts';
import { isCopied } from '../../../src/routing/hand-over/copied-table.ts';
import { decodeStoredText, TABLE_KEY } from '../../../src/routing/published-structure.ts';
import { until } from '../../cluster/until.ts';
import { isReady } from './community.ts';
import type { Holdfast, TestNamespace } from './holdfast.ts';

const NAME = 'notes';
/** A service without hand-over, whose new instances warm up. */
const SHELF = 'shelf';
/** Ten steps, each for long enough that a round falls into it; ms. */
const WARMUP = 30_000;
/** Until everything is as wanted, on a machine that is busy with something else too; ms. */
const WHOLE_WITHIN = 120_000;

const WARM_WITHIN = WHOLE_WITHIN + WARMUP;
/** Of two, rounded. */
const EVEN = 0.499;

/** As far as the spec of the tests goes. */
const SPEC = {
  name: NAME,
  services: {
    notes: {
      image: 'localhost/notes:1',
      health: { ready: '/ready' },
      stateful: { key: { header: 'x-user' }, handoff: true, drain: '30s' },
      instances: { min: 2, max: 4 },
      stop: '5s',
    },
    // The same program, alone each: users stay where their sessions are.
    shelf: {
      image: 'localhost/notes:1',
      health: { ready: '/ready' },
      stateful: { key: { header: 'x-user' }, warmup: `${WARMUP / 1000}s`, drain: '1s' },
      instances: { min: 1, max: 2 },
      stop: '1s',
    },
  },
  routes: { '/': NAME, '/shelf': SHELF },
  router: {},
};

export interface WholeOptions {
  /** UIDs of pods that have to be gone. */
  readonly without?: ReadonlySet<string>;
  /** A node that does not answer: what is on it does not count. */
  readonly lost?: string;
}

export class NotesApp implements AsyncDisposable {
  /** What the instances have written, a list for each container. */
  readonly lines = new Map<string, string[]>();
  readonly #holdfast: Holdfast;
  readonly #namespace: TestNamespace;
  readonly #over = new AbortController();
  readonly #followed: Promise<void>;

  private constructor(holdfast: Holdfast, namespace: TestNamespace) {
    this.#holdfast = holdfast;
    this.#namespace = namespace;
    this.#followed = followPodLogs(holdfast.client, {
      selector: { namespace: namespace.name, labelSelector: SERVICE_LABEL },
      wants: ({ part, container }) => part === NAME && container === NAME,
      count: 0,
      onLine: ({ id, text }) => this.lines.set(id, [...(this.lines.get(id) ?? []), text]),
      onError: () => undefined,
      signal: this.#over.signal,
    });
  }

  static async start(holdfast: Holdfast): Promise<NotesApp> {
    const app = new NotesApp(holdfast, await holdfast.namespace('hand-over'));
    await holdfast.client.apply({
      apiVersion: 'holdfast.dev/v1alpha1',
      kind: 'App',
      metadata: app.#ref,
      spec: SPEC,
    } as KubeObject);
    await app.whole(2);
    return app;
  }

  get #ref(): { namespace: string; name: string } {
    return { namespace: this.#namespace.name, name: NAME };
  }

  /** Address of the routers' Service. */
  async host(): Promise<string> {
    type Service = KubeObject & { readonly spec: { readonly clusterIP: string } };
    const ref = { ...this.#ref, name: `${NAME}-router` };
    return (await this.#holdfast.client.get<Service>(RESOURCE_TYPES.Service, ref))?.spec.clusterIP ?? '';
  }

  /**
   * A router by itself, on this node if there is one: what is before the routers notices a dead one at its own pace.
   * @returns where it is
   */
  async someRouter(preferred: string): Promise<{ readonly node: string; readonly host: string }> {
    const options = { namespace: this.#namespace.name, labelSelector: 'app.kubernetes.io/name=router' };
    const { items } = await this.#holdfast.client.list<Pod>(RESOURCE_TYPES.Pod, options);
    const ready = items.filter(isReady);
    const { spec, status } = ready.find((pod) => pod.spec.nodeName === preferred) ?? ready[0] ?? {};
    return { node: spec?.nodeName ?? '', host: status?.podIP ?? '' };
  }

  async scale(count: number, service = NAME): Promise<void> {
    await this.#wish((object, app) => scaleAnnotations(object, app, { [service]: count }));
  }

  async restart(): Promise<void> {
    await this.#wish((object, app) => restartAnnotations(object, app, NAME));
  }

  async #wish(
    annotationsOf: (object: AppObject, app: App) => Readonly<Record<string, string>>,
  ): Promise<void> {
    const { client } = this.#holdfast;
    const object = await client.get<AppObject>(RESOURCE_TYPES.App, this.#ref);
    if (object === undefined) throw new Error('there is no App');
    const annotations = annotationsOf(object, appFromData(object.spec));
    await client.mergePatch(RESOURCE_TYPES.App, this.#ref, { metadata: { annotations } });
  }

  async service(wanted = NAME): Promise<ServiceStatus | undefined> {
    const object = await this.#holdfast.client.get<AppObject>(RESOURCE_TYPES.App, this.#ref);
    const services = object?.status?.['services'] as readonly ServiceStatus[] | undefined;
    return services?.find(({ name }) => name === wanted);
  }

  async pods(service = NAME): Promise<readonly Pod[]> {
    const options = { namespace: this.#namespace.name, labelSelector: `${SERVICE_LABEL}=${service}` };
    return (await this.#holdfast.client.list<Pod>(RESOURCE_TYPES.Pod, options)).items;
  }

  async remove(pod: Pod): Promise<void> {
    const ref = { ...this.#ref, name: pod.metadata.name };
    await this.#holdfast.client.remove(RESOURCE_TYPES.Pod, ref, { gracePeriodSeconds: 0 });
  }

  /** Slots whose two members are on the same node, by the table in force. */
  async slotsOnOneNode(): Promise<number> {
    type ConfigMap = KubeObject & { readonly data?: Readonly<Record<string, string>> };
    const ref = { ...this.#ref, name: namesOf(NAME).owners(NAME) };
    const [pods, map] = await Promise.all([
      this.pods(),
      this.#holdfast.client.get<ConfigMap>(RESOURCE_TYPES.ConfigMap, ref),
    ]);
    const nodes = new Map(pods.map(({ metadata, spec }) => [metadata.name, spec.nodeName]));
    const table = decodeStoredText(map?.data?.[TABLE_KEY] ?? '');
    if (!isCopied(table)) throw new Error('the table has no copies');
    const nodeAt = (place: number | undefined): string | undefined =>
      nodes.get(table.owners[place ?? -1] ?? '');
    return table.slots.filter((owner, slot) => nodeAt(owner) === nodeAt(table.seconds[slot])).length;
  }

  /** Adds an instance to the service that warms up. @returns the shares that it was given, one after the other */
  async warmUp(): Promise<number[]> {
    const [old] = await this.pods(SHELF);
    const shares: number[] = [];
    await this.scale(2, SHELF);
    await until('the new instance is warm', WARM_WITHIN, async () => {
      const service = await this.service(SHELF);
      const added = service?.instances.find(({ id }) => id !== old?.metadata.name);
      const share = added?.share ?? 0;
      if (share !== (shares.at(-1) ?? 0)) shares.push(share);
      return share > EVEN;
    });
    return shares;
  }

  /** Waits until there are so many, all of them own a share, and every slot is at two of them. */
  async whole(count: number, { without = new Set(), lost }: WholeOptions = {}): Promise<void> {
    let seen: unknown;
    const isWhole = async (): Promise<boolean> => {
      const [all, service] = await Promise.all([this.pods(), this.service()]);
      const pods = all.filter(({ spec }) => lost === undefined || spec.nodeName !== lost);
      const instances = (service?.instances ?? []).filter(
        ({ state, node }) => lost === undefined || (state !== 'dead' && node !== lost),
      );
      const { alone, incomplete } = service?.copies ?? {};
      seen = { pods: pods.map(({ metadata }) => metadata.name), service };
      return (
        pods.length === count &&
        pods.every((pod) => isReady(pod) && !without.has(pod.metadata.uid ?? '')) &&
        instances.length === count &&
        instances.every(({ share = 0 }) => share > 0.99 / count) &&
        alone === 0 &&
        incomplete === 0
      );
    };
    try {
      await until(`${count} instances have everything twice`, WHOLE_WITHIN, isWhole);
    } catch (cause) {
      throw new Error(`${String(cause)}\n${JSON.stringify(seen, undefined, 1)}`, { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of [NAME, SHELF]) for (const pod of await this.pods(service)) await this.remove(pod);
    this.#over.abort();
    await this.#followed;
    await this.#namespace[Symbol.asyncDispose]();
  }
}
