/**
 * One application on a cluster, for one round of the controller: what is seen comes from one view of it,
 * what is done goes to the API server. Every write carries what it was decided on as its precondition, so a
 * controller that was frozen and wakes up later changes nothing that has changed since.
 */
import { isDeepStrictEqual } from 'node:util';
import type { App } from '../../app/model.ts';
import type { OwnerTable } from '../../routing/owner-table.ts';
import { instanceCount } from '../../scaling/instance-count.ts';
import type { Observation } from '../observation.ts';
import { StepRefused } from '../platform.ts';
import type { ClusterStep } from '../step.ts';
import type { KubeClient } from './api/kube-client.ts';
import { isNamespaceEnding, KubeApiError } from './api/kube-error.ts';
import { RESOURCE_TYPES } from './api/kube-object.ts';
import type { AppSessions } from './app-sessions.ts';
import type { ClusterView } from './cluster-view.ts';
import type { ConfirmedRouters } from './confirmed-routers.ts';
import { ClusterWrites } from './cluster-writes.ts';
import {
  foundation,
  migrationSource,
  routerLayer,
  serviceLayer,
  templates,
  type Surroundings,
} from './objects/application-objects.ts';
import { ownerOf } from './objects/manifest.ts';
import { migrationSetOf } from './objects/migration-job.ts';
import { ANNOTATIONS, namesOf } from './objects/names.ts';
import type { Images } from './objects/pod-parts.ts';
import type { ClusterPrepared } from './objects/prepared.ts';
import { certificateProblem } from './objects/router-certificate.ts';
import { routingStructure } from './objects/routing-structure.ts';
import type { AppObject, ConfigMap, Deployment, Secret } from './observe/kinds.ts';
import { observeApplication } from './observe/observe-application.ts';
import type { AskRouters } from './router-states.ts';

export interface ClusterPlatformInput {
  readonly client: KubeClient;
  /** How everything was when the round began. */
  readonly view: ClusterView;
  readonly object: AppObject;
  readonly images: Images;
  readonly scale: Readonly<Record<string, number>>;
  readonly restarts: Readonly<Record<string, number>>;
  /** Secrets that are not Holdfast's own, read anew for this round. */
  readonly userSecrets: ReadonlyMap<string, Secret>;
  readonly random: (bytes: number) => string;
  readonly now: () => number;
  readonly routers: AskRouters;
  readonly confirmed: ConfirmedRouters;
  readonly sessions: AppSessions;
}

/** Bad request, forbidden, invalid: another try is no better. */
const DENIALS: ReadonlySet<number> = new Set([400, 403, 422]);

/** In a namespace that ends no other part of the application could be brought about either. */
function isDenial(error: KubeApiError): boolean {
  return DENIALS.has(error.code) && !isNamespaceEnding(error);
}

export class ClusterPlatform {
  readonly #input: ClusterPlatformInput;
  readonly #namespace: string;
  readonly #name: string;
  readonly #writes: ClusterWrites;
  readonly #prepared = new Map<App, ClusterPrepared>();
  #tables: Readonly<Record<string, OwnerTable>> | undefined;

  constructor(input: ClusterPlatformInput) {
    this.#input = input;
    this.#writes = new ClusterWrites(input);
    this.#namespace = input.object.metadata.namespace ?? '';
    this.#name = input.object.metadata.name;
  }

  /** @throws UserError for what the application names and the cluster lacks */
  prepare(app: App): ClusterPrepared {
    const known = this.#prepared.get(app);
    if (known !== undefined) return known;
    const around = this.#surroundings();
    const files = migrationSource(app);
    const objects = [...foundation(app, around), ...serviceLayer(app, around), ...routerLayer(app, around)];
    const prepared = {
      app,
      objects,
      templates: templates(app, around),
      structure: routingStructure(app, this.#namespace).generation,
      ...(files === undefined || app.database === undefined
        ? {}
        : { migrationSet: migrationSetOf(app, files) }),
    };
    this.#prepared.set(app, prepared);
    return prepared;
  }

  /** Sees how things are. */
  observe(wanted: ClusterPrepared, inForce: ClusterPrepared | undefined): Promise<Observation> {
    const { view, scale, now, object, routers, confirmed, sessions } = this.#input;
    return observeApplication({
      view,
      namespace: this.#namespace,
      name: this.#name,
      uid: object.metadata.uid ?? '',
      wanted,
      inForce: inForce ?? wanted,
      scale,
      tables: this.tables(),
      lastEpochs: epochsOf(object),
      now: now(),
      routers,
      confirmed,
      certificateProblem: certificateProblem((inForce ?? wanted).app, this.#surroundings().secret, now()),
      sessions,
    });
  }

  /** The owner tables as published. One that was damaged by hand is as good as none. */
  tables(): Readonly<Record<string, OwnerTable>> {
    const { view, sessions } = this.#input;
    this.#tables ??= sessions.tables(view.of<ConfigMap>('ConfigMap', this.#ref()));
    return this.#tables;
  }

  /** Reads the App anew: a watch may lag behind, and would bring back what was changed. @throws KubeApiError (conflict) */
  async confirm(): Promise<void> {
    const { client, object } = this.#input;
    const now = await client.get<AppObject>(RESOURCE_TYPES.App, object.metadata);
    if (now !== undefined && isDeepStrictEqual(wishesOf(now), wishesOf(object))) return;
    throw new KubeApiError(`act on App ${this.#namespace}/${this.#name}`, 409, {
      reason: 'Conflict',
      message: 'it has changed since it was read',
    });
  }

  /**
   * Carries one step out. @throws StepRefused when the API server does not take it, KubeApiError when something
   * has changed what it is about (conflict), or the namespace is being removed
   */
  async apply(
    step: ClusterStep,
    wanted: ClusterPrepared,
    inForce: ClusterPrepared | undefined,
  ): Promise<void> {
    try {
      await this.#writes.carryOut(step, wanted, inForce);
    } catch (error) {
      if (!(error instanceof KubeApiError) || !isDenial(error)) throw error;
      throw new StepRefused(error.message, { cause: error });
    }
  }

  #ref(): { namespace: string; name: string } {
    return { namespace: this.#namespace, name: this.#name };
  }

  #surroundings(): Surroundings {
    const { view, images, object, scale, restarts, random, userSecrets } = this.#input;
    const namespace = this.#namespace;
    return {
      namespace,
      owner: ownerOf(this.#input.object),
      images,
      restarts,
      random,
      deleteData: object.metadata.annotations?.[ANNOTATIONS.deleteData] === 'true',
      isInForce:
        view.get<ConfigMap>('ConfigMap', { namespace, name: namesOf(this.#name).memory })?.data?.[
          'inForce'
        ] !== undefined,
      count: (service) => instanceCount(service, scale),
      secret: (name) => view.get<Secret>('Secret', { namespace, name }) ?? userSecrets.get(name),
      deployed: (service) =>
        view.get<Deployment>('Deployment', { namespace, name: namesOf(this.#name).service(service) })
          ?.metadata.annotations,
    };
  }
}

/** All of an App that says what the user wants. */
function wishesOf({ metadata: { uid, generation, annotations } }: AppObject): object {
  return { uid, generation, annotations };
}

/** The epochs of owner tables as the App's status tells them: what comes after a table that was lost. */
function epochsOf({ status }: AppObject): Record<string, number> {
  const services = status?.['services'];
  if (!Array.isArray(services)) return {};
  const known = (services as readonly { name?: unknown; epoch?: unknown }[]).filter(
    (service): service is { name: string; epoch: number } =>
      typeof service.name === 'string' && typeof service.epoch === 'number',
  );
  return Object.fromEntries(known.map(({ name, epoch }) => [name, epoch]));
}
