/** Which database `migrate record` listens to, and where the recording belongs. */
import { join } from 'node:path';
import { UserError } from '../app/failure.ts';
import { loadApp } from '../app/load.ts';
import type { App } from '../app/model.ts';
import { adminUser, serviceUser } from '../database/accounts.ts';
import { connectionUrl } from '../database/connection-url.ts';
import { resolveSource } from '../platform/machine/environment.ts';
import { readIfThere } from '../platform/machine/json-file.ts';
import { DATABASE, readRecords } from '../platform/machine/process-record.ts';
import { checkStateVersion, stateFolder, type StateFolder } from '../platform/machine/state-folder.ts';
import { databaseUrl } from './migrate-database.ts';
import { requireRunning, type CommonOptions, type VerbContext } from './verb-context.ts';
import { NotRunning } from './control-client.ts';

export interface RecordPlace {
  /** Holds a password. */
  readonly url: string;
  /** Where the migrations are. */
  readonly folder: string;
  /** Of the services, when each has one of its own. */
  readonly accounts?: readonly string[];
}

/** With a folder the database in DATABASE_URL, without one the application's own. @throws UserError */
export async function recordPlace(
  folder: string | undefined,
  options: CommonOptions,
  context: VerbContext,
): Promise<RecordPlace> {
  if (folder !== undefined) return { url: databaseUrl(context), folder };
  const { app, folder: home } = await loadApp(options.app, context.cwd);
  if (app.migrations === undefined)
    throw new UserError('the application has no migrations, for which a recording would be of use');
  const place = await databaseOf(app, home, context);
  return { ...place, folder: join(home, app.migrations.path) };
}

async function databaseOf(
  app: App,
  folder: string,
  { env }: VerbContext,
): Promise<Omit<RecordPlace, 'folder'>> {
  const { database } = app;
  const state = stateFolder(folder);
  if (database === undefined) throw new UserError('the application has no database');
  if (database.topology === 'external') {
    const { url } = database;
    if (url.kind === 'generate' || url.kind === 'service')
      throw new UserError('database.url: it is the URL of your own server: take value, from, file or secret');
    return { url: await resolveSource(url, 'database.url', { state, folder, shell: env }) };
  }
  await checkStateVersion(state);
  return {
    url: await administratorUrl(state, database.name),
    accounts: app.services.map(({ name }) => serviceUser(name)),
  };
}

/** Of the server that runs here. */
async function administratorUrl(state: StateFolder, database: string): Promise<string> {
  const password = await readIfThere(join(state.generated, 'database', adminUser));
  const records = password === undefined ? [] : await readRecords(state.processes);
  const server = records.find(({ id, exitedAt }) => id === DATABASE && exitedAt === undefined);
  if (password === undefined || !server) return requireRunning(new NotRunning());
  return connectionUrl({ user: adminUser, password, host: server.host, port: server.port, database });
}
