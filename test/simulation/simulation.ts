/** A simulated cluster with one application and two controllers that both believe to lead. */
import assert from 'node:assert/strict';
import { digest, type Manifest } from '../../src/platform/kubernetes/objects/manifest.ts';
import { ANNOTATIONS } from '../../src/platform/kubernetes/objects/names.ts';
import type { Condition } from '../../src/platform/kubernetes/observe/kinds.ts';
import { Promises, type Memory } from './promises.ts';
import { SimulatedApi } from './simulated-api.ts';
import { KINDS, SimulatedController, type Variant } from './simulated-controller.ts';
import { SimulatedRouters } from './simulated-routers.ts';
import { BROKEN, DEADLINE, SimulatedKubernetes } from './simulated-kubernetes.ts';

export const APP = 'shop';
/** Ticks without a change after which nothing will change by itself any more: longer than a rollout may stand still. */
const QUIET = DEADLINE + 2;
/** A cluster that is still not at rest by then never will be; ticks. */
const FOREVER = 300;

export interface Release {
  readonly number: number;
  /** `never-ready`: its instances don't start; `fails`: its migrations don't apply. */
  readonly kind: 'good' | 'never-ready' | 'fails';
  /** Number of the set of migrations. */
  readonly files: number;
  /** Has one service and one generated value more. */
  readonly more: boolean;
}

export function specOf({ number, kind, files, more }: Release): object {
  const tag = kind === 'never-ready' ? `${BROKEN}-${String(number)}` : String(number);
  const set = kind === 'fails' ? `${BROKEN}-${String(files)}` : String(files);
  const generated = more ? { MORE: { generate: 16 } } : {};
  return {
    name: APP,
    services: {
      login: {
        image: `login:${tag}.${set}`,
        env: { TOKEN: { generate: 32 }, ...generated },
        stateful: { key: { header: 'x-user' }, drain: '1s' },
        instances: { min: 2 },
      },
      pages: { image: `pages:${tag}.${set}`, instances: { min: 2, max: 4, cpu: '70%' } },
      ...(more ? { extra: { image: `extra:${tag}.${set}` } } : {}),
    },
    routes: { '/login': 'login', '/': 'pages' },
    database: { topology: 'single' },
    migrations: { image: `files:${set}` },
  };
}

const NAMES = {
  releaseOf: (image: string): string => /^(?:login|pages|extra):(.*)$/.exec(image)?.[1] ?? '',
  filesOf: (release: string): string => `files:${release.slice(release.indexOf('.') + 1)}`,
  needs: (spec: unknown, key: string): boolean => {
    const { services } = spec as { services: Record<string, { env?: Record<string, unknown> }> };
    if (['holdfast', 'holdfast-migrator', 'migrator', 'token'].includes(key)) return true;
    const [service = '', variable] = key.replace('holdfast-service-', '').split('.');
    return variable === undefined ? service in services : variable in (services[service]?.env ?? {});
  },
  isServiceOf: (spec: unknown, deployment: string): boolean => {
    const { services = {} } = (spec ?? {}) as { services?: object };
    return Object.keys(services).some((service) => deployment === `${APP}-${service}`);
  },
  releaseIn: (spec: unknown): string => {
    const { services } = spec as { services: { pages: { image: string } } };
    return services.pages.image.slice('pages:'.length);
  },
};

export interface SimulationOptions {
  readonly checksVersions?: boolean;
  readonly variant?: Variant;
}

export class Simulation {
  /** All that a controller can hear of. */
  readonly kinds = KINDS;
  readonly api: SimulatedApi;
  readonly kubernetes: SimulatedKubernetes;
  readonly routers: SimulatedRouters;
  readonly controllers: readonly SimulatedController[];
  readonly #promises: Promises;

  constructor({ checksVersions, variant }: SimulationOptions = {}) {
    this.api = new SimulatedApi(checksVersions);
    this.kubernetes = new SimulatedKubernetes(this.api);
    this.routers = new SimulatedRouters(this.api);
    this.controllers = [0, 1].map(() => new SimulatedController(this, APP, variant));
    this.#promises = new Promises(this.api, this.kubernetes, NAMES);
    this.api.create(node());
    this.api.create(storageClass());
  }

  get memory(): Memory {
    return this.#promises.memory;
  }

  /** The number of writes that the controllers have asked for. */
  get writes(): number {
    return this.controllers.reduce((sum, { writes }) => sum + writes, 0);
  }

  release(release: Release): void {
    this.want(specOf(release));
  }

  /** Somebody deploys a spec. */
  want(spec: object): void {
    const app = this.api.get('App', { name: APP });
    if (app !== undefined) this.api.change(app, { spec });
    else
      this.api.create({
        apiVersion: 'holdfast.dev/v1alpha1',
        kind: 'App',
        metadata: { name: APP, namespace: 'default' },
        spec,
      });
    this.check();
  }

  /** Somebody deletes an object. A table that was never told of can't be known to have been there. */
  lose(kind: string, name: string): void {
    const { services = [] } = (this.api.get('App', { name: APP })?.['status'] ?? {}) as AppStatus;
    const isTold = services.some(({ epoch }) => epoch !== undefined);
    if (isTold || !name.endsWith('-owners')) this.api.remove(kind, { name });
  }

  check(): void {
    this.#promises.check();
  }

  tick(): void {
    this.routers.tick();
    this.kubernetes.tick();
    this.check();
  }

  /** Nothing more happens to anybody, until nothing changes any more. It does come to rest, and then nobody writes. */
  async settle(): Promise<void> {
    for (let quiet = 0, ticks = 0; quiet < QUIET; ticks += 1) {
      assert.ok(ticks < FOREVER, `it comes to rest; last: ${this.#lastChanges()}`);
      const before = this.api.history.length;
      for (const controller of this.controllers)
        if (ticks === 0 || controller.hasNews) await this.#round(controller);
      this.tick();
      quiet = this.api.history.length === before ? quiet + 1 : 0;
    }
    const before = this.writes;
    for (const controller of this.controllers) await this.#round(controller);
    assert.equal(this.writes, before, 'at rest nobody writes');
  }

  async #round(controller: SimulatedController): Promise<void> {
    controller.catchUp();
    await controller.round();
    this.check();
  }

  #lastChanges(): string {
    return this.api.history
      .slice(-20)
      .map(({ kind, name }) => `${kind} ${name}`)
      .join(', ');
  }

  condition(type: string): Condition | undefined {
    const { conditions = [] } = (this.api.get('App', { name: APP })?.['status'] ?? {}) as AppStatus;
    return conditions.find((condition) => condition.type === type);
  }

  get deployments(): readonly SimulatedDeployment[] {
    return this.api.all('Deployment') as SimulatedDeployment[];
  }

  deployment(service: string): SimulatedDeployment {
    const found = this.deployments.find(({ metadata }) => metadata.name === `${APP}-${service}`);
    assert.ok(found, `${service} has a Deployment`);
    return found;
  }

  /** What there is, without what is different each time by its nature. */
  state(): Record<string, unknown> {
    const objects = this.api
      .all()
      .filter(({ kind, metadata }) => !OMITTED.has(kind) && !metadata.name.endsWith('-holdfast'));
    return Object.fromEntries(
      objects.map((object) => [`${object.kind} ${object.metadata.name}`, essence(object)]),
    );
  }
}

export type SimulatedDeployment = Manifest & {
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly spec: {
        readonly containers: readonly { readonly env: readonly { readonly name: string }[] }[];
      };
    };
  };
};

/** By which a refusal names what was refused. */
export function digestOf(release: Release): string {
  return digest(specOf(release));
}

/** A release that a spec may be of. @throws AssertionError when it is none of them */
export function releaseOf(spec: unknown, releases: readonly Release[]): Release {
  const found = releases.find((release) => digestOf(release) === digest(spec));
  assert.ok(found, `it is one of the releases: ${JSON.stringify(spec)}`);
  return found;
}

interface AppStatus {
  readonly conditions?: readonly Condition[];
  readonly services?: readonly { readonly epoch?: number }[];
}

/** Pods and migrations depend on the way; the App is the input. */
const OMITTED = new Set(['App', 'Pod', 'Job', 'Node', 'StorageClass']);

function essence(object: Manifest): unknown {
  const { kind, metadata, spec, data, rules } = object as Manifest & {
    spec?: Record<string, unknown>;
    data?: object;
  };
  const { labels } = metadata;
  if (kind === 'Secret') return { labels, keys: Object.keys(data ?? {}).toSorted() };
  if (kind === 'ConfigMap' && metadata.name.endsWith('-owners')) return { labels };
  return { labels, data, rules, spec: kind === 'Deployment' ? withoutTraces(spec) : spec };
}

/** What Holdfast adds to pods stays as it was when the service's own part last changed, and secrets are random. */
function withoutTraces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTraces);
  if (typeof value !== 'object' || value === null) return value;
  const skipped = new Set<string>(['initContainers', 'volumes', ANNOTATIONS.template]);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !skipped.has(key))
      .map(([key, inner]) => [key, withoutTraces(inner)]),
  );
}

function node(): Manifest {
  const status = { conditions: [{ type: 'Ready', status: 'True' }] };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node1' }, status };
}

function storageClass(): Manifest {
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'standard', annotations },
  };
}
