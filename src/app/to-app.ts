/** Turns a checked file into the model: lists instead of maps, one kind for each source, all defaults. */
import { defaultDatabaseName } from './agreement.ts';
import type { App, Database, Route, Service, ValueSource } from './model.ts';
import type { AppFile } from './schema.ts';
import type { EnvSource } from './value-source.ts';

/** `file` has passed the schema and what its keys must agree on. */
export function toApp(file: AppFile): App {
  const database = file.database && toDatabase(file.database, file.name);
  return {
    name: file.name,
    services: Object.entries(file.services).map(([name, service]) => toService(name, service)),
    routes: toRoutes(file),
    router: file.router,
    ...(database === undefined ? {} : { database }),
    ...(file.migrations === undefined ? {} : { migrations: file.migrations }),
    logs: file.logs,
  };
}

function toService(name: string, service: AppFile['services'][string]): Service {
  const { live, ...health } = service.health;
  const { min, max = Math.max(min, 10) } = service.instances;
  const env = Object.entries(service.env).map(
    ([variable, source]) => [variable, toSource(source, variable)] as const,
  );
  return {
    name,
    run: service.run,
    env: Object.fromEntries(env),
    health: live === undefined ? health : { ...health, live },
    ...(service.stateful === undefined ? {} : { stateful: service.stateful }),
    instances: { min, max },
    stop: service.stop,
  };
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
  const { topology, name = defaultDatabaseName(appName), memory, url = {} } = database;
  return topology === 'single'
    ? { topology, name, memory }
    : { topology, url: toSource(url, 'DATABASE_URL') };
}
