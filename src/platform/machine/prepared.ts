/**
 * What an application comes to on this machine: values resolved, ports chosen, accounts known. The
 * result holds secrets and is never written or printed.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { defined } from '../../app/defined.ts';
import { UserError } from '../../app/failure.ts';
import type { App, Service } from '../../app/model.ts';
import { adminUser, migratorUser, serviceUser, type Account } from '../../database/accounts.ts';
import { connectionUrl, parseConnectionUrl } from '../../database/connection-url.ts';
import type { MigrationSet } from '../../migration/migration-set.ts';
import { lastContract } from '../../migration/release-phase.ts';
import { readMigrations } from '../../migration/source.ts';
import { keySource } from '../../session/request-key.ts';
import type { Prepared, Standing } from '../platform.ts';
import { requireProgram } from '../programs.ts';
import { baseEnvironment, resolveEnvironments, resolveSource, type Surroundings } from './environment.ts';
import type { KeptPorts } from './kept-ports.ts';
import { machineCertificate } from './machine-certificate.ts';
import type { PreparedDatabase } from './machine-database.ts';
import { DATABASE, ROUTER } from './process-record.ts';
import { sessionTokenFile } from './machine-sessions.ts';
import { callsUrl } from './router-spec.ts';
import type { ProcessTable } from './process-table.ts';
import { readIfThere, writeFileSafely } from './json-file.ts';
import { generatedSecret } from './secret-store.ts';
import type { StateFolder } from './state-folder.ts';
import { takenPort } from './taken-port.ts';

export interface MachinePrepared extends Prepared {
  readonly database: PreparedDatabase;
  /** The whole environment of each service's instances, less what differs between them. */
  readonly environments: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly migrations?: { readonly set: MigrationSet; readonly url: string };
  readonly routerPort: number;
  /** Where the router listens for HTTPS, if it does. */
  readonly tlsPort?: number;
}

export interface Preparation {
  readonly app: App;
  readonly restarts: Readonly<Record<string, number>>;
  readonly around: Surroundings;
  readonly ports: KeptPorts;
  readonly table: ProcessTable;
  /** For an application in force. */
  readonly standing?: Standing<MachinePrepared>;
}

/** @throws UserError for whatever the file names and the machine does not have. */
export async function prepare(preparation: Preparation): Promise<MachinePrepared> {
  const { app, restarts, around } = preparation;
  requireCommands(app);
  requireProgram('haproxy', around.shell['PATH'] ?? '');
  const routerPorts = await prepareRouterPorts(preparation);
  const { database, urls, migratorUrl } = await prepareDatabase(preparation);
  const own = await resolveEnvironments(app, around);
  const base = baseEnvironment(around);
  const given = Object.fromEntries(
    await Promise.all(
      app.services.map(async (service): Promise<[string, Record<string, string>]> => [
        service.name,
        {
          ...own[service.name],
          ROUTER_URL: callsUrl({ app, routerPort: routerPorts.routerPort }),
          ...databaseVariable(urls[service.name]),
          ...(await sessionVariables(service, around.state)),
        },
      ]),
    ),
  );
  const environments = Object.fromEntries(
    app.services.map(({ name }) => [name, { ...base, ...given[name] }]),
  );
  const migrations = await prepareMigrations(preparation, migratorUrl);
  const contract = preparation.standing
    ? preparation.standing.contract
    : lastContract(migrations?.set.files ?? [])?.version;
  const templates = app.services.map((service) => [
    service.name,
    templateOf(service, given[service.name] ?? {}, { restarts: restarts[service.name] ?? 0, contract }),
  ]);
  // The router reads it when it needs it, since it is renewed: here it is only judged.
  await machineCertificate(around.state, app);
  return {
    app,
    database,
    environments,
    ...routerPorts,
    templates: Object.fromEntries(templates),
    structure: structureOf(app, routerPorts),
    ...(migrations === undefined ? {} : { migrations, migrationSet: migrations.set.id }),
    ...defined({ contract }),
  };
}

function requireCommands(app: App): void {
  const without = app.services.filter(({ run }) => run === undefined).map(({ name }) => name);
  if (without.length > 0)
    throw new UserError(
      `services.${without.join(', services.')}: an image alone runs on a cluster only. ` +
        'Add `run`, the command that starts one instance on this machine.',
    );
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

/** Of an application in force the files that were applied are known, or none are: others may be there by now. */
async function prepareMigrations(
  { app, around, standing }: Preparation,
  url: string | undefined,
): Promise<MachinePrepared['migrations']> {
  if (standing !== undefined) return standing.prepared?.migrations;
  if (app.migrations === undefined || url === undefined) return undefined;
  return { set: await readMigrations(join(around.folder, app.migrations.path)), url };
}

/** The router's own port, and that for HTTPS. A running router keeps those that it has. */
async function prepareRouterPorts(
  preparation: Preparation,
): Promise<{ routerPort: number; tlsPort?: number }> {
  const { app, table } = preparation;
  const running = table.isRunning(ROUTER) ? table.get(ROUTER) : undefined;
  const { port, tls } = app.router;
  const choose = (name: string, wanted: number, key: string, held: number | undefined): Promise<number> =>
    routerPort(preparation, { name, wanted, key, held });
  const chosen = await choose(ROUTER, port, 'router.port', running?.port);
  if (tls === undefined) return { routerPort: chosen };
  const forTls = await choose(`${ROUTER} tls`, tls.port, 'router.tls.port', running?.tlsPort);
  if (forTls !== chosen) return { routerPort: chosen, tlsPort: forTls };
  throw new UserError(
    `router.tls.port: HTTP has the port ${chosen} already (router.port); choose another one`,
  );
}

interface PortChoice {
  readonly name: string;
  /** 0 for any free one. */
  readonly wanted: number;
  /** Where the file says so. */
  readonly key: string;
  /** The one that the running router has. */
  readonly held: number | undefined;
}

async function routerPort(
  { app, ports }: Preparation,
  { name, wanted, key, held }: PortChoice,
): Promise<number> {
  const { host } = app.router;
  if (wanted === 0) return held ?? ports.port(name, host);
  const taken = held === wanted ? undefined : await takenPort(host, [wanted]);
  if (taken === undefined) return wanted;
  throw new UserError(
    `${taken}. End that program, or choose another port for the router (${key} in the file; 0 takes any free one).`,
  );
}

/**
 * Everything an instance is started from; what only bounds or watches it is not part of it. Its program is read from
 * a folder that may have changed since without a trace: a new contract replaces every instance, so that those that
 * were started before it are known.
 */
function templateOf(
  { run, stateful }: Service,
  env: Readonly<Record<string, string>>,
  revision: { readonly restarts: number; readonly contract: string | undefined },
): string {
  const sorted = Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return digest({ run, env: sorted, ...revision, stateful: stateful !== undefined });
}

function structureOf(
  { router: { host, tls }, routes, services: all }: App,
  { routerPort: port, tlsPort }: Pick<MachinePrepared, 'routerPort' | 'tlsPort'>,
): string {
  const services = all.map(({ name, health, stateful }) => ({
    name,
    ready: health.ready,
    stateful,
  }));
  const secure = tls === undefined ? {} : { tls: { port: tlsPort, redirect: tls.redirect } };
  return digest({ host, port, ...secure, routes, services });
}

/** What the instances of a service that hands sessions over are told, less the port of each. */
async function sessionVariables(
  { name, stateful }: Service,
  state: StateFolder,
): Promise<Record<string, string>> {
  if (stateful?.handoff !== true) return {};
  return {
    HOLDFAST_SESSION_TOKEN_FILE: await sessionTokenFile(state, name),
    HOLDFAST_SESSION_KEY: keySource(stateful.key),
    HOLDFAST_SESSION_IDLE: String(stateful.idle),
    HOLDFAST_SESSION_DRAIN: String(stateful.drain),
  };
}

function databaseVariable(url: string | undefined): { DATABASE_URL?: string } {
  return url === undefined ? {} : { DATABASE_URL: url };
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
