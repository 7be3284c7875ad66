/** Turns a checked file into the model: lists instead of maps, one kind for each source, all defaults. */
import { defaultDatabaseName } from './agreement.ts';
import { defined } from './defined.ts';
import type {
  App,
  Database,
  Migrations,
  Resources,
  Route,
  Router,
  RouterTls,
  Service,
  SmokeRequest,
  UserKey,
  ValueSource,
} from './model.ts';
import type { AppFile } from './schema.ts';
import type { KeyInFile } from './service-schema.ts';
import type { EnvSource } from './value-source.ts';

/** `file` has passed the schema and what its keys must agree on. */
export function toApp(file: AppFile): App {
  const database = file.database && toDatabase(file.database, file.name);
  return {
    name: file.name,
    services: Object.entries(file.services).map(([name, service]) => toService(name, service)),
    routes: toRoutes(file),
    router: toRouter(file.router),
    ...(database === undefined ? {} : { database }),
    ...(file.migrations === undefined ? {} : { migrations: toMigrations(file.migrations) }),
    logs: file.logs,
    smoke: file.smoke.map(toSmokeRequest),
    paused: file.paused,
  };
}

/** Kubernetes finds no number of instances by load without them. */
const RESERVED_FOR_LOAD = { cpu: 100, memory: 256 * 2 ** 20 };

function toService(name: string, service: AppFile['services'][string]): Service {
  const { live, ...health } = service.health;
  const { min, max = Math.max(min, 10), ...load } = service.instances;
  const env = Object.entries(service.env).map(
    ([variable, source]) => [variable, toSource(source, variable)] as const,
  );
  const { run, image, stateful } = service;
  const resources = toResources(service.resources, load);
  return {
    name,
    ...defined({ run, image }),
    env: Object.fromEntries(env),
    health: live === undefined ? health : { ...health, live },
    ...defined({ resources }),
    ...(stateful === undefined ? {} : { stateful: { ...stateful, key: toUserKey(stateful.key) } }),
    instances: { min, max, ...defined(load) },
    stop: service.stop,
  };
}

/** The schema has seen to it that there is exactly one. */
function toUserKey({ header, cookie, assign = false, query, path }: KeyInFile): UserKey {
  if (header !== undefined) return { kind: 'header', name: header };
  if (cookie !== undefined) return { kind: 'cookie', name: cookie, assign };
  if (query !== undefined) return { kind: 'query', name: query };
  return { kind: 'path', segment: path ?? 1 };
}

type ResourcesInFile = AppFile['services'][string]['resources'];

/** A percentage needs an amount that it is of. */
function toResources(
  resources: ResourcesInFile,
  load: { cpu?: number | undefined; memory?: number | undefined } = {},
): Resources | undefined {
  const reserved = {
    cpu: resources?.cpu ?? (load.cpu === undefined ? undefined : RESERVED_FOR_LOAD.cpu),
    memory: resources?.memory ?? (load.memory === undefined ? undefined : RESERVED_FOR_LOAD.memory),
  };
  return reserved.cpu === undefined && reserved.memory === undefined ? undefined : defined(reserved);
}

function toRouter({ nodePort, tls, ingress, resources, ...router }: AppFile['router']): Router {
  const { host, ...optional } = ingress ?? {};
  return {
    ...router,
    ...defined({ nodePort, resources: toResources(resources) }),
    ...(tls === undefined ? {} : { tls: toTls(tls) }),
    ...(host === undefined ? {} : { ingress: { host, ...defined(optional) } }),
  };
}

function toTls({ nodePort, ...tls }: NonNullable<AppFile['router']['tls']>): RouterTls {
  return { ...tls, ...defined({ nodePort }) };
}

function toMigrations({ path, image, configMap }: NonNullable<AppFile['migrations']>): Migrations {
  return { path, ...defined({ image, configMap }) };
}

function toSmokeRequest({ body, ...request }: AppFile['smoke'][number]): SmokeRequest {
  return { ...request, ...defined({ body }) };
}

/** The schema has seen to it that there is exactly one source. */
function toSource(source: EnvSource, variable: string): ValueSource {
  const { value, generate, from, file, secret, service } = source;
  if (value !== undefined) return { kind: 'value', value };
  if (generate !== undefined) return { kind: 'generate', bytes: generate };
  if (from !== undefined) return { kind: 'from', variable: from };
  if (file !== undefined) return { kind: 'file', path: file };
  const key = source.key ?? variable;
  if (secret !== undefined) return { kind: 'secret', secret, key };
  return { kind: 'service', service: service ?? '', key };
}

/** One service alone gets every request. */
function toRoutes(file: AppFile): Route[] {
  const [only = ''] = Object.keys(file.services);
  return Object.entries(file.routes ?? { '/': only })
    .map(([path, service]) => ({ path, service }))
    .toSorted((a, b) => b.path.length - a.path.length || (a.path < b.path ? -1 : 1));
}

function toDatabase(database: NonNullable<AppFile['database']>, appName: string): Database {
  const { topology, name = defaultDatabaseName(appName), url = {}, resources, ...server } = database;
  if (topology === 'external') return { topology, url: toSource(url, 'DATABASE_URL') };
  const { memory, storage, storageClass, existingSecret } = server;
  return {
    topology,
    name,
    memory,
    storage,
    ...defined({ storageClass, existingSecret, resources: toResources(resources) }),
  };
}
