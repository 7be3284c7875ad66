/**
 * What the controller remembers of an application, in a ConfigMap of its own: the specs in force and
 * accepted, and one that was refused. Specs are kept as they were written, and read like any other. What
 * was asked for by hand stands in the App's annotations, where `kubectl` can see it.
 */
import { UserError } from '../../app/failure.ts';
import type { App } from '../../app/model.ts';
import { appFromData } from '../../app/parse.ts';
import type { Settings, SettingsStore } from '../platform.ts';
import type { KubeClient } from './api/kube-client.ts';
import type { OwnerReference } from './api/kube-object.ts';
import { digest, manifest } from './objects/manifest.ts';
import { ANNOTATIONS, labelsOf, namesOf } from './objects/names.ts';
import type { AppObject, ConfigMap } from './observe/kinds.ts';

/** How many accepted specs are kept for `rollback`. */
const HISTORY = 5;

export interface PastRelease {
  /** RFC 3339. */
  readonly at: string;
  readonly spec: unknown;
}

export interface MemoryInput {
  readonly client: KubeClient;
  readonly object: AppObject;
  /** What `object.spec` comes to; undefined when it can't be used. */
  readonly wanted: App | undefined;
  readonly memory: ConfigMap | undefined;
  readonly owner: OwnerReference;
  readonly now: () => number;
}

export class MemoryStore implements SettingsStore {
  readonly #input: MemoryInput;
  /** What each application that was read was read from. */
  readonly #specs = new Map<App, unknown>();

  constructor(input: MemoryInput) {
    this.#input = input;
    if (input.wanted !== undefined) this.#specs.set(input.wanted, input.object.spec);
  }

  load(): Promise<Settings> {
    const { object, memory } = this.#input;
    const inForce = this.#read('inForce');
    const accepted = this.#read('accepted');
    const refused = parse(memory?.data?.['refused']) as { spec: string; reason: string } | undefined;
    const isRefused = refused?.spec === digest(object.spec);
    return Promise.resolve({
      ...(inForce === undefined ? {} : { inForce }),
      ...(accepted === undefined ? {} : { accepted }),
      ...(isRefused ? { refused: refused.reason } : {}),
      scale: scaleOf(object, [this.#input.wanted, inForce]),
      restarts: restartsOf(object),
    });
  }

  async save({ inForce, accepted, refused }: Settings): Promise<void> {
    const { client, object, memory, owner, now } = this.#input;
    const name = namesOf(object.metadata.name).memory;
    const before = historyOf(memory);
    const last = accepted === undefined ? undefined : this.#specs.get(accepted);
    const isNew = last !== undefined && digest(last) !== digest(before.at(-1)?.spec ?? null);
    const history = isNew ? [...before, { at: new Date(now()).toISOString(), spec: last }] : before;
    const data = {
      ...this.#written('inForce', inForce),
      ...this.#written('accepted', accepted),
      ...(refused === undefined
        ? {}
        : { refused: JSON.stringify({ spec: digest(object.spec), reason: refused }) }),
      history: JSON.stringify(history.slice(-HISTORY)),
    };
    const about = {
      namespace: object.metadata.namespace ?? '',
      owner,
      labels: labelsOf(object.metadata.name, 'controller'),
    };
    const next = manifest('v1 ConfigMap', name, about, { data });
    const version = memory?.metadata.resourceVersion;
    if (version === undefined) await client.create(next);
    else await client.replace({ ...next, metadata: { ...next.metadata, resourceVersion: version } });
  }

  /** The same value for the same spec, so that "in force is what is wanted" can be seen. */
  #read(key: 'inForce' | 'accepted'): App | undefined {
    const spec = parse(this.#input.memory?.data?.[key]);
    if (spec === undefined) return undefined;
    for (const [app, known] of this.#specs) if (digest(known) === digest(spec)) return app;
    const app = readable(spec);
    if (app !== undefined) this.#specs.set(app, spec);
    return app;
  }

  #written(key: string, app: App | undefined): Record<string, string> {
    const spec = app === undefined ? undefined : this.#specs.get(app);
    return spec === undefined ? {} : { [key]: JSON.stringify(spec) };
  }
}

/** The specs with which everything was ready, the latest last. */
export function historyOf(memory: ConfigMap | undefined): readonly PastRelease[] {
  const history = parse(memory?.data?.['history']);
  return Array.isArray(history) ? history.filter(isRelease) : [];
}

/**
 * Numbers asked for by hand: each holds until the file changes its mind about that service, and that is in force.
 * @param apps what is wanted, and what is in force
 */
export function scaleOf(object: AppObject, apps: readonly (App | undefined)[]): Record<string, number> {
  const wishes = mapIn(object.metadata.annotations?.[ANNOTATIONS.scale]);
  const valid = Object.entries(wishes).flatMap(([name, wish]) => {
    const { count, min, max } = (wish ?? {}) as Partial<ScaleWish>;
    const services = apps.flatMap((app) => app?.services.find((service) => service.name === name) ?? []);
    const holds = services.some(({ instances }) => instances.min === min && instances.max === max);
    return holds && Number.isInteger(count) ? [[name, count] as const] : [];
  });
  return Object.fromEntries(valid) as Record<string, number>;
}

/** A wish, and the bounds that the file had then. */
export interface ScaleWish {
  readonly count: number;
  readonly min: number;
  readonly max: number;
}

export function restartsOf(object: AppObject): Record<string, number> {
  return mapIn(object.metadata.annotations?.[ANNOTATIONS.restarts]) as Record<string, number>;
}

function isRelease(value: unknown): value is PastRelease {
  return typeof value === 'object' && value !== null && 'at' in value && 'spec' in value;
}

/** Empty when there is none, or when it was damaged by hand. */
function mapIn(text: string | undefined): Readonly<Record<string, unknown>> {
  const value = parse(text);
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** Undefined for what an earlier version of Holdfast could read and this one can't. */
function readable(spec: unknown): App | undefined {
  try {
    return appFromData(spec);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Undefined when it is absent or was damaged by hand. */
function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // It is only remembered; what is wanted stands in the App.
    return undefined;
  }
}
