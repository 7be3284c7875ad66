/**
 * What an application comes to on this machine: values resolved, ports chosen, accounts known. The
 * result holds secrets and is never written or printed.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { UserError } from '../../app/failure.ts';
import type { App, Service } from '../../app/model.ts';
import { adminUser, migratorUser, serviceUser, type Account } from '../../database/accounts.ts';
import { connectionUrl, parseConnectionUrl } from '../../database/connection-url.ts';
import type { MigrationSet } from '../../migration/migration-set.ts';
import { readMigrations } from '../../migration/source.ts';
import type { Prepared } from '../platform.ts';
import { requireProgram } from '../programs.ts';
import { baseEnvironment, resolveEnvironments, resolveSource, type Surroundings } from './environment.ts';
import type { KeptPorts } from './kept-ports.ts';
import type { PreparedDatabase } from './machine-database.ts';
import { portHolder } from './port-holder.ts';
import { isFree } from './ports.ts';
import { DATABASE, ROUTER } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';
import { readIfThere, writeFileSafely } from './json-file.ts';
import { generatedSecret } from './secret-store.ts';
import type { StateFolder } from './state-folder.ts';

export interface MachinePrepared extends Prepared {
  readonly database: PreparedDatabase;
  /** The whole environment of each service's instances, less what differs between them. */
  readonly environments: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly migrations?: { readonly set: MigrationSet; readonly url: string };
  readonly routerPort: number;
}

export interface Preparation {
  readonly app: App;
  readonly restarts: Readonly<Record<string, number>>;
  readonly around: Surroundings;
  readonly ports: KeptPorts;
  readonly table: ProcessTable;
}

/** @throws UserError for whatever the file names and the machine does not have. */
export async function prepare(preparation: Preparation): Promise<MachinePrepared> {
  const { app, restarts, around } = preparation;
  requireProgram('haproxy', around.shell['PATH'] ?? '');
  const { database, urls, migratorUrl } = await prepareDatabase(preparation);
  const own = await resolveEnvironments(app, around);
  const base = baseEnvironment(around);
  const environments = Object.fromEntries(
    app.services.map(({ name }) => [name, { ...base, ...own[name], ...databaseVariable(urls[name]) }]),
  );
  const templates = app.services.map((service) => [
    service.name,
    templateOf(
      service,
      { ...own[service.name], ...databaseVariable(urls[service.name]) },
      restarts[service.name] ?? 0,
    ),
  ]);
  const migrations = await prepareMigrations(app, around.folder, migratorUrl);
  const routerPort = await prepareRouterPort(preparation);
  return {
    app,
    database,
    environments,
    routerPort,
    templates: Object.fromEntries(templates),
    structure: structureOf(app, routerPort),
    ...(migrations === undefined ? {} : { migrations, migrationSet: migrations.set.id }),
  };
}

interface DatabaseParts {
  readonly database: PreparedDatabase;
  /** DATABASE_URL by service. */
  readonly urls: Readonly<Record<string, string>>;
  readonly migratorUrl?: string;
}

async function prepareDatabase({ app, around, ports, table }: Preparation): Promise<DatabaseParts> {
  refuseLeftover(app, table);
  if (app.database === undefined) return { database: { topology: 'none' }, urls: {} };
  if (app.database.topology === 'external') return externalDatabase(app, app.database.url, around);
  // The installer's shell takes it for the beginning of a special character.
  if (around.folder.includes('\\'))
    throw new UserError(
      `${around.folder}: MariaDB cannot be set up in a folder with \\ in its path; rename it`,
    );
  requireProgram('mariadbd', around.shell['PATH'] ?? '');
  requireProgram('mariadb-install-db', around.shell['PATH'] ?? '');
  const { name, memory } = app.database;
  await keepDatabaseName(around.state, name);
  const running = table.isRunning(DATABASE) ? table.get(DATABASE)?.port : undefined;
  const port = running ?? (await ports.port(DATABASE, '127.0.0.1'));
  const account = async (user: string): Promise<Account> => ({
    user,
    password: await generatedSecret(around.state, `database/${user}`, 24),
  });
  const url = (login: Account, database?: string): string =>
    connectionUrl({ ...login, host: '127.0.0.1', port, ...(database === undefined ? {} : { database }) });
  const [admin, migrator] = await Promise.all([account(adminUser), account(migratorUser)]);
  const services = await Promise.all(app.services.map((service) => account(serviceUser(service.name))));
  return {
    database: {
      topology: 'single',
      port,
      memory,
      accounts: { database: name, admin, migrator, services },
      adminUrl: url(admin),
    },
    urls: Object.fromEntries(
      app.services.map((service, index): [string, string] => [
        service.name,
        url(services[index] ?? migrator, name),
      ]),
    ),
    migratorUrl: url(migrator, name),
  };
}

/** The data is in a database of the name it was made under: another name would show an empty one. */
async function keepDatabaseName(state: StateFolder, name: string): Promise<void> {
  const file = join(state.database, 'name');
  const kept = (await readIfThere(file))?.trim();
  if (kept === undefined) return writeFileSafely(file, `${name}\n`);
  if (kept !== name)
    throw new UserError(
      `database.name: the data here is in the database "${kept}", and the file asks for "${name}" ` +
        `(without database.name it is the application's name). Write database.name: ${kept} to keep working on it.`,
    );
}

/** A server that runs for nobody would be forgotten; ending it is the user's decision. */
function refuseLeftover(app: App, table: ProcessTable): void {
  if (app.database?.topology !== 'single' && table.isRunning(DATABASE))
    throw new UserError(
      'database.topology: a MariaDB of this application still runs here. End everything first (holdfast down), ' +
        'then bring the application up with the other database; the data here is kept.',
    );
}

async function externalDatabase(
  app: App,
  source: Extract<App['database'], { topology: 'external' }>['url'],
  around: Surroundings,
): Promise<DatabaseParts> {
  if (source.kind === 'generate' || source.kind === 'service')
    throw new UserError('database.url: it is the URL of your own server: take value, from, file or secret');
  const url = await resolveSource(source, 'database.url', around);
  const { host, port } = parseConnectionUrl(url);
  return {
    database: { topology: 'external', url, address: `${host}:${port}` },
    urls: Object.fromEntries(app.services.map((service) => [service.name, url])),
    migratorUrl: url,
  };
}

async function prepareMigrations(
  app: App,
  folder: string,
  url: string | undefined,
): Promise<MachinePrepared['migrations']> {
  if (app.migrations === undefined || url === undefined) return undefined;
  return { set: await readMigrations(join(folder, app.migrations.path)), url };
}

async function prepareRouterPort({ app, ports, table }: Preparation): Promise<number> {
  const { host, port } = app.router;
  const record = table.isRunning(ROUTER) ? table.get(ROUTER) : undefined;
  if (port === 0) return record?.port ?? ports.port(ROUTER, host);
  if (record?.port === port || (await isFree(host, port))) return port;
  const holder = portHolder(port);
  throw new UserError(
    `port ${port} on ${host} is in use${holder === undefined ? '' : ` by ${holder}`}. ` +
      'End that program, or choose another port for the router (router.port in the file; 0 takes any free one).',
  );
}

/** Everything an instance is started from; what only bounds or watches it is not part of it. */
function templateOf(service: Service, env: Readonly<Record<string, string>>, restarts: number): string {
  const sorted = Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return digest({ run: service.run, env: sorted, restarts, stateful: service.stateful !== undefined });
}

function structureOf(app: App, port: number): string {
  const services = app.services.map(({ name, health, stateful }) => ({
    name,
    ready: health.ready,
    stateful,
  }));
  return digest({ host: app.router.host, port, routes: app.routes, services });
}

function databaseVariable(url: string | undefined): { DATABASE_URL?: string } {
  return url === undefined ? {} : { DATABASE_URL: url };
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
