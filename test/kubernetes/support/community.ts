/**
 * The example of the repository as an App in a namespace of its own that enforces the restricted Pod Security
 * Standard. Its migrations come from a ConfigMap, so that a test may add members and migrations of its own.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { App } from '../../../src/app/model.ts';
import { appFromData } from '../../../src/app/parse.ts';
import type { KubeClient } from '../../../src/platform/kubernetes/api/kube-client.ts';
import { isNotFound } from '../../../src/platform/kubernetes/api/kube-error.ts';
import {
  RESOURCE_TYPES,
  type KubeObject,
  type ResourceType,
} from '../../../src/platform/kubernetes/api/kube-object.ts';
import {
  conditionOf,
  type AppObject,
  type Condition,
  type Pod,
} from '../../../src/platform/kubernetes/observe/kinds.ts';
import { SERVICE_LABEL } from '../../../src/platform/kubernetes/objects/names.ts';
import { restartAnnotations, scaleAnnotations } from '../../../src/platform/kubernetes/verbs/wishes.ts';
import { until } from '../../cluster/until.ts';
import type { TestCluster } from './cluster.ts';
import type { Holdfast } from './holdfast.ts';

const NAME = 'community';
const example = fileURLToPath(new URL('../../../examples/community', import.meta.url));
/** Until an installation or a change is Ready, on a machine that is busy with something else too; ms. */
export const READY_WITHIN = 180_000;
const GONE_WITHIN = 120_000;

/** `holdfast.yaml` as data, as far as tests change it. */
export interface Spec {
  services: {
    login: ServiceSpec & { stateful: { drain: string; handoff: boolean } };
    community: ServiceSpec;
  };
  router: Record<string, unknown>;
  database: Record<string, unknown>;
  migrations: Record<string, unknown>;
}

export interface ServiceSpec {
  image: string;
  env: Record<string, unknown>;
  health: { ready: string; live: string; start: string };
  instances: Record<string, unknown>;
  resources: { cpu: string; memory: string };
}

export type Change = (spec: Spec) => void;
export type Files = Readonly<Record<string, string>>;

interface AppState {
  readonly conditions?: readonly Condition[];
  readonly observedGeneration?: number;
  readonly state?: string;
  readonly database?: { readonly state: string; readonly problem?: string };
  readonly services?: readonly {
    readonly name: string;
    readonly ready: number;
    readonly instances: readonly { readonly id: string; readonly state: string; readonly share?: number }[];
  }[];
}

interface Event extends KubeObject {
  readonly eventTime?: string | null;
  /** By what tells events the older way, as kubelets do. */
  readonly deprecatedLastTimestamp?: string | null;
  readonly reason?: string;
  readonly note?: string;
  readonly type?: string;
  readonly regarding?: { readonly kind?: string; readonly name?: string };
}

export interface ToldEvent {
  /** `App`, or the kind of another object. */
  readonly about: string;
  readonly reason: string;
  readonly note: string;
  /** All of it, with the time first. */
  readonly text: string;
}

/** An App of the example and what tests ask of it. */
export class Community implements AsyncDisposable {
  readonly cluster: TestCluster;
  readonly client: KubeClient;
  readonly namespace: string;
  #spec: Spec;

  private constructor(cluster: TestCluster, client: KubeClient, namespace: string, spec: Spec) {
    this.cluster = cluster;
    this.client = client;
    this.namespace = namespace;
    this.#spec = spec;
  }

  /** A namespace with nothing but the migration files in it; `apply` makes the App. */
  static async in({ cluster, client }: Holdfast, namespace: string, migrations?: Files): Promise<Community> {
    const spec = parse(await readFile(join(example, 'holdfast.yaml'), 'utf8')) as Spec;
    spec.router = {};
    const app = new Community(cluster, client, namespace, spec);
    await app.end();
    await client.create({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    });
    await app.migrateBy('v1', migrations ?? (await exampleMigrations()));
    return app;
  }

  /** Applies the spec with a change, which stays. */
  async apply(change: Change = () => undefined): Promise<void> {
    change(this.#spec);
    await this.client.apply({
      apiVersion: 'holdfast.dev/v1alpha1',
      kind: 'App',
      metadata: { namespace: this.namespace, name: NAME },
      spec: this.#spec,
    } as KubeObject);
  }

  /** Makes a ConfigMap with migration files; the next `apply` names it. */
  async migrateBy(name: string, files: Files): Promise<void> {
    await this.create('v1', 'ConfigMap', `migrations-${name}`, { data: files, immutable: true });
    this.#spec.migrations = { path: './migrations', configMap: `migrations-${name}` };
  }

  /** As the verb `scale` does. */
  scale(counts: Readonly<Record<string, number>>): Promise<void> {
    return this.#wish((object, app) => scaleAnnotations(object, app, counts));
  }

  /** As the verb `restart` does for each. */
  async restart(...services: readonly string[]): Promise<void> {
    for (const service of services)
      await this.#wish((object, app) => restartAnnotations(object, app, service));
  }

  async #wish(annotationsOf: (object: AppObject, app: App) => Files): Promise<void> {
    const object = await this.get<AppObject>(RESOURCE_TYPES.App, NAME);
    if (object === undefined) throw new Error('there is no App');
    const annotations = annotationsOf(object, appFromData(object.spec));
    const ref = { namespace: this.namespace, name: NAME };
    await this.client.mergePatch(RESOURCE_TYPES.App, ref, { metadata: { annotations } });
  }

  async create(apiVersion: string, kind: string, name: string, content: object): Promise<void> {
    await this.client.create({ apiVersion, kind, metadata: { namespace: this.namespace, name }, ...content });
  }

  async state(): Promise<AppState & { readonly generation: number }> {
    const app = await this.get<AppObject>(RESOURCE_TYPES.App, NAME);
    return { ...(app?.status as AppState | undefined), generation: app?.metadata.generation ?? 0 };
  }

  /** Undefined until the controller has looked at the spec as it is now. */
  async condition(type: string): Promise<Condition | undefined> {
    const { generation, observedGeneration, conditions } = await this.state();
    if (observedGeneration !== generation) return undefined;
    return conditionOf({ status: { conditions: conditions ?? [] } }, type);
  }

  /** Waits until the spec as it is now is in force everywhere. */
  async ready(withinMs = READY_WITHIN): Promise<void> {
    await this.until('it is Ready', withinMs, async () => (await this.condition('Ready'))?.status === 'True');
  }

  /** Waits until every instance is ready, none leaves, and each of a stateful service owns its share of the users. */
  async quiet(withinMs = READY_WITHIN): Promise<void> {
    await this.until('all is quiet', withinMs, async () => {
      const pods = (await this.pods()).filter(
        ({ metadata }) => metadata.labels?.[SERVICE_LABEL] !== undefined,
      );
      if (!pods.every(isReady) || (await this.condition('Ready'))?.status !== 'True') return false;
      const { services = [] } = await this.state();
      const known = services.flatMap(({ instances }) => instances);
      return (
        known.length === pods.length && known.every(({ state, share }) => state === 'ready' && share !== 0)
      );
    });
  }

  /** Waits for a condition that is True. @returns its message */
  async told(type: string, reason: string, withinMs = READY_WITHIN): Promise<string> {
    let message = '';
    await this.until(`it is ${type}: ${reason}`, withinMs, async () => {
      const condition = await this.condition(type);
      message = condition?.message ?? '';
      return condition?.status === 'True' && condition.reason === reason;
    });
    return message;
  }

  /** As `until`; what it gives up with says how the App is. */
  async until(what: string, withinMs: number, isSo: () => Promise<boolean>): Promise<void> {
    try {
      await until(what, withinMs, isSo);
    } catch (cause) {
      const [state, pods, story] = await Promise.all([this.state(), this.pods(), this.story()]);
      const names = pods.map(({ metadata, status }) => `${metadata.name} ${status?.phase ?? ''}`);
      throw new Error([String(cause), JSON.stringify(state, undefined, 1), ...names, ...story].join('\n'), {
        cause,
      });
    }
  }

  /** What the controller has told of the App, in that order. */
  async events(): Promise<readonly ToldEvent[]> {
    return (await this.#told()).filter(({ about }) => about === 'App');
  }

  /** The same and what went wrong around it, such as a container that was ended: for a failure to tell. */
  async story(): Promise<readonly string[]> {
    return (await this.#told()).map(({ text }) => text);
  }

  /** Of the App all that was told, of other objects what is no routine. */
  async #told(): Promise<readonly ToldEvent[]> {
    const { items } = await this.client.list<Event>(RESOURCE_TYPES.Event, { namespace: this.namespace });
    return items
      .filter(
        ({ regarding, type, reason }) =>
          regarding?.kind === 'App' || type === 'Warning' || reason === 'Killing',
      )
      .map(({ eventTime, deprecatedLastTimestamp, regarding = {}, reason = '', note = '' }) => {
        const { kind: about = '', name = '' } = regarding;
        const object = about === 'App' ? '' : `${name}: `;
        const at = eventTime ?? deprecatedLastTimestamp ?? '';
        return { about, reason, note, text: `${at} ${object}${reason}: ${note}` };
      })
      .toSorted((one, other) => (one.text < other.text ? -1 : 1));
  }

  get<T extends KubeObject>(type: ResourceType, name: string): Promise<T | undefined> {
    return this.client.get<T>(type, { namespace: this.namespace, name });
  }

  /** The pods of one part (a service, `database`, `router`, `migrations`) or of all, also those that leave. */
  async pods(part?: string): Promise<readonly Pod[]> {
    const labelSelector = [
      'holdfast.dev/app',
      ...(part === undefined ? [] : [`app.kubernetes.io/name=${part}`]),
    ];
    const options = { namespace: this.namespace, labelSelector: labelSelector.join(',') };
    return (await this.client.list<Pod>(RESOURCE_TYPES.Pod, options)).items;
  }

  /** One that is ready and stays. */
  async readyPod(part: string, isFit: (pod: Pod) => boolean = () => true): Promise<Pod> {
    const found = (await this.pods(part)).find((pod) => isReady(pod) && isFit(pod));
    if (found === undefined) throw new Error(`no pod of ${part} is ready`);
    return found;
  }

  /** Where users reach it: the address of its Service. */
  async url(): Promise<string> {
    const service = await this.get<KubeObject & { readonly spec: { readonly clusterIP: string } }>(
      RESOURCE_TYPES.Service,
      `${NAME}-router`,
    );
    if (service === undefined) throw new Error('the router has no Service');
    return `http://${service.spec.clusterIP}`;
  }

  /** The value of one key of a Secret. */
  async secret(name: string, key: string): Promise<string> {
    const secret = await this.get<KubeObject & { readonly data?: Files }>(RESOURCE_TYPES.Secret, name);
    return Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();
  }

  /** Removes the App and its namespace; returns when they are gone, so that no pod of theirs disturbs what follows. */
  async end(): Promise<void> {
    const ref = { name: this.namespace };
    await this.client.remove(RESOURCE_TYPES.Namespace, ref).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
    await this.#hurryPods();
    await until(
      `namespace ${this.namespace} is gone`,
      GONE_WITHIN,
      async () => (await this.client.get(RESOURCE_TYPES.Namespace, ref)) === undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  /** Nobody is there to be drained any more. */
  async #hurryPods(): Promise<void> {
    for (const { metadata } of (await this.client.list(RESOURCE_TYPES.Pod, { namespace: this.namespace }))
      .items)
      await this.client.remove(
        RESOURCE_TYPES.Pod,
        { namespace: this.namespace, name: metadata.name },
        { gracePeriodSeconds: 0 },
      );
  }
}

export function isReady(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && conditionOf(pod, 'Ready')?.status === 'True';
}

/** The migrations of the example by the names of their files. */
export async function exampleMigrations(): Promise<Record<string, string>> {
  const folder = join(example, 'migrations');
  const files = await readdir(folder);
  const texts = files.map(async (file) => [file, await readFile(join(folder, file), 'utf8')] as const);
  return Object.fromEntries(await Promise.all(texts));
}
