/** Everything that an application consists of on a cluster, as objects. Pure. */
import { createHash } from 'node:crypto';
import { defined } from '../../../app/defined.ts';
import type { App, Service } from '../../../app/model.ts';
import type { OwnerReference } from '../api/kube-object.ts';
import type { Secret } from '../observe/kinds.ts';
import type { MigrationFiles } from './added-parts.ts';
import { databaseObjects } from './database-objects.ts';
import { digest, type WantedObject } from './manifest.ts';
import { ANNOTATIONS } from './names.ts';
import type { Images } from './pod-parts.ts';
import { routerObjects } from './router-objects.ts';
import { routingStructure } from './routing-structure.ts';
import { secretObjects } from './secrets.ts';
import { secretsOf } from './service-environment.ts';
import { serviceObjects, templateOf, type ServiceInput } from './service-objects.ts';

/** What the objects depend on besides the application itself. */
export interface Surroundings {
  readonly namespace: string;
  readonly owner: OwnerReference;
  readonly images: Images;
  readonly deleteData: boolean;
  readonly restarts: Readonly<Record<string, number>>;
  readonly count: (service: Service) => number;
  readonly secret: (name: string) => Secret | undefined;
  /** A set of migrations has come into force: what pods were made for has been applied. */
  readonly isInForce: boolean;
  /** The annotations of a service's Deployment as it is. */
  readonly deployed: (service: string) => Readonly<Record<string, string>> | undefined;
  readonly random: (bytes: number) => string;
}

/** Objects of the database and the secrets. @throws UserError for what the file names and the cluster lacks */
export function foundation(app: App, around: Surroundings): WantedObject[] {
  return [...secretObjects({ app, ...around }), ...databaseObjects({ app, ...around })];
}

/** Objects of the services. */
export function serviceLayer(app: App, around: Surroundings): WantedObject[] {
  return app.services.flatMap((service) => serviceObjects(inputOf(app, service, around)));
}

/** Objects of the routers. */
export function routerLayer(app: App, around: Surroundings): WantedObject[] {
  return routerObjects({ app, ...around, structure: routingStructure(app, around.namespace) });
}

/** Identity of the service's own part of a pod: another one replaces its instances. */
export function templates(app: App, around: Surroundings): Record<string, string> {
  return Object.fromEntries(
    app.services.map((service) => [service.name, templateOf(inputOf(app, service, around))]),
  );
}

/** Where the files of the application's migrations are; undefined without any. */
export function migrationSource({ migrations }: App): MigrationFiles | undefined {
  if (migrations?.image !== undefined) return { image: migrations.image };
  return migrations?.configMap === undefined ? undefined : { configMap: migrations.configMap };
}

function inputOf(app: App, service: Service, around: Surroundings): ServiceInput {
  const { namespace, owner, restarts } = around;
  const files = migrationSource(app);
  const input: ServiceInput = {
    app,
    service,
    namespace,
    owner,
    count: around.count(service),
    exists: around.deployed(service.name) !== undefined,
    revision: digest([secretValues(app, service, around), restarts[service.name] ?? 0]),
    added: { images: around.images, ...(files === undefined ? {} : { files }) },
  };
  return { ...input, ...defined({ kept: podInForce(input, around) }) };
}

/** As long as nothing of the service itself changes, its pods stay as they were made. */
function podInForce(input: ServiceInput, { deployed, isInForce }: Surroundings): object | undefined {
  // Pods of an installation whose migrations failed wait for files that will never be applied.
  if (!isInForce) return undefined;
  const annotations = deployed(input.service.name);
  if (annotations?.[ANNOTATIONS.template] !== templateOf(input)) return undefined;
  return object(annotations[ANNOTATIONS.pod]);
}

/** Undefined for what was damaged by hand. */
function object(text: string | undefined): object | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    // The pod is made anew, as after a change.
    return undefined;
  }
}

/** A digest of each secret value of a service's environment: a rotated password starts new instances. */
function secretValues(app: App, service: Service, { secret }: Surroundings): string[] {
  return secretsOf(app, service).map(({ secret: name, key }) => {
    const value = secret(name)?.data?.[key] ?? '';
    return createHash('sha256').update(`${name} ${key} ${value}`).digest('hex').slice(0, 16);
  });
}
