/**
 * What must hold at every moment of a simulated cluster, whatever happens to controllers. Checked against
 * the history of all changes, so that nothing that was there for a moment only is missed.
 */
import assert from 'node:assert/strict';
import { digest, type Manifest } from '../../src/platform/kubernetes/objects/manifest.ts';
import { ANNOTATIONS } from '../../src/platform/kubernetes/objects/names.ts';
import type { ConfigMap, Secret } from '../../src/platform/kubernetes/observe/kinds.ts';
import type { SimulatedApi } from './simulated-api.ts';
import type { SimulatedKubernetes } from './simulated-kubernetes.ts';

/** What the controller remembers, as far as the promises are about it. */
export interface Memory {
  readonly inForce?: unknown;
  readonly accepted?: unknown;
  readonly refused?: { readonly spec: string; readonly reason: string };
}

export interface ReleaseNames {
  /** Which release an image of a service belongs to. */
  readonly releaseOf: (image: string) => string;
  /** The image with the migration files of a release. */
  readonly filesOf: (release: string) => string;
  /** Whether a spec needs the value under a key of a Secret. */
  readonly needs: (spec: unknown, key: string) => boolean;
  /** Whether a Deployment is one of a spec's services; what it does without may be there for a while. */
  readonly isServiceOf: (spec: unknown, deployment: string) => boolean;
  /** The release that a spec is. */
  readonly releaseIn: (spec: unknown) => string;
}

export class Promises {
  readonly #api: SimulatedApi;
  readonly #kubernetes: SimulatedKubernetes;
  readonly #names: ReleaseNames;
  #checked = 0;
  /** Secret values that every spec since they were made needs, by Secret and key. */
  readonly #secrets = new Map<string, Map<string, string>>();
  readonly #tables = new Map<string, string>();
  readonly #epochs = new Map<string, number>();
  /** Releases with which all services were ready at some moment. */
  readonly #ready = new Set<string>();
  #memory: Memory = {};
  #spec: unknown;

  constructor(api: SimulatedApi, kubernetes: SimulatedKubernetes, names: ReleaseNames) {
    this.#api = api;
    this.#kubernetes = kubernetes;
    this.#names = names;
  }

  get memory(): Memory {
    return this.#memory;
  }

  /** To be called after whatever happens, and before time goes on. @throws AssertionError for a broken promise */
  check(): void {
    for (const { kind, object } of this.#api.history.slice(this.#checked)) {
      if (object === undefined) continue;
      if (kind === 'App') this.#checkApp(object);
      if (kind === 'Secret') this.#checkSecret(object);
      if (kind === 'Deployment') this.#checkDeployment(object);
      if (kind === 'ConfigMap') this.#checkMap(object);
      if (kind === 'Job') this.#checkJob(object);
    }
    this.#checked = this.#api.history.length;
    this.#noteReady();
  }

  /** What a new spec does not need may go. */
  #checkApp({ spec }: Manifest): void {
    this.#spec = spec;
    for (const values of this.#secrets.values())
      for (const key of values.keys()) if (!this.#names.needs(spec, key)) values.delete(key);
  }

  #checkSecret({ metadata: { name }, data = {} }: Manifest & Secret): void {
    for (const [key, value] of this.#secrets.get(name) ?? [])
      assert.equal(data[key], value, `the secret ${key} of ${name} was changed`);
    const needed = Object.entries(data).filter(([key]) => this.#names.needs(this.#spec, key));
    this.#secrets.set(name, new Map(needed));
  }

  #checkDeployment(deployment: Manifest): void {
    const release = this.#names.releaseOf(imageOf(deployment));
    if (release === '' || this.#memory.inForce === undefined) return;
    const files = this.#names.filesOf(release);
    assert.ok(
      this.#kubernetes.migrated.has(files),
      `${deployment.metadata.name} was brought to release ${release} before ${files} was applied`,
    );
  }

  /** A contract begins when its release was accepted, and no pod of another one is left. */
  #checkJob(job: Manifest): void {
    if (job.metadata.annotations?.[ANNOTATIONS.phase] !== 'contract' || job['status'] !== undefined) return;
    const { inForce, accepted } = this.#memory;
    const release = this.#names.releaseIn(inForce);
    const about = `the contract of release ${release}`;
    assert.equal(digest(accepted ?? null), digest(inForce ?? null), `${about} began before it was accepted`);
    const others = this.#api
      .all('Pod')
      .map((pod) => this.#names.releaseOf(podImageOf(pod)))
      .filter((other) => other !== '' && other !== release);
    assert.deepEqual(others, [], `${about} began beside older instances`);
  }

  #checkMap({ metadata, data = {} }: Manifest & ConfigMap): void {
    const { table } = data;
    if (table !== undefined) this.#checkTable(metadata.name, table);
    if (metadata.name.endsWith('-holdfast')) this.#checkMemory(memoryIn(data));
  }

  #checkTable(name: string, text: string): void {
    const { epoch } = JSON.parse(text) as { epoch: number };
    const key = `${name} ${String(epoch)}`;
    assert.ok(text === (this.#tables.get(key) ?? text), `${name}: epoch ${String(epoch)} has two tables`);
    assert.ok(epoch >= (this.#epochs.get(name) ?? 0), `${name}: the epoch went back to ${String(epoch)}`);
    this.#tables.set(key, text);
    this.#epochs.set(name, epoch);
  }

  #checkMemory(memory: Memory): void {
    const { releaseIn } = this.#names;
    const before = this.#memory.refused;
    if (before !== undefined && before.spec === digest(this.#spec)) {
      assert.deepEqual(memory.refused, before, 'what was refused is not refused any more');
      assert.notEqual(digest(memory.inForce), before.spec, 'what was refused is in force again');
    }
    if (memory.accepted !== undefined && digest(memory.accepted) !== digest(this.#memory.accepted ?? null)) {
      const release = releaseIn(memory.accepted);
      assert.ok(this.#ready.has(release), `release ${release} was accepted, and never was ready`);
    }
    this.#memory = memory;
  }

  #noteReady(): void {
    const services = this.#api
      .all('Deployment')
      .filter(({ metadata }) => this.#names.isServiceOf(this.#memory.inForce, metadata.name));
    const releases = new Set(services.map((object) => this.#names.releaseOf(imageOf(object))));
    const [release] = releases;
    if (release !== undefined && releases.size === 1 && services.every(isComplete)) this.#ready.add(release);
  }
}

export function memoryIn(data: Readonly<Record<string, string>>): Memory {
  return Object.fromEntries(
    ['inForce', 'accepted', 'refused'].flatMap((key) => {
      const text = data[key];
      return text === undefined ? [] : [[key, JSON.parse(text) as unknown]];
    }),
  );
}

function isComplete({ metadata, spec, status }: Manifest): boolean {
  const { replicas } = spec as { replicas: number };
  const {
    observedGeneration,
    updatedReplicas,
    availableReplicas,
    replicas: all,
  } = (status ?? {}) as Record<string, number>;
  const isDone = updatedReplicas === replicas && availableReplicas === replicas && all === replicas;
  return observedGeneration === metadata.generation && isDone;
}

function imageOf({ spec }: Manifest): string {
  const { template } = spec as { template: { spec: { containers: readonly { image: string }[] } } };
  return template.spec.containers[0]?.image ?? '';
}

function podImageOf({ spec }: Manifest): string {
  const { containers } = spec as { containers: readonly { image?: string }[] };
  return containers[0]?.image ?? '';
}
