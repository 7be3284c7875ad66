/** What the verbs of `migrate` need that work on a database alone, with DATABASE_URL and a folder. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OperationError, UserError } from '../app/failure.ts';
import { parseConnectionUrl } from '../database/connection-url.ts';
import { MigrationFailure } from '../migration/migration-failure.ts';
import type { ShadowSettings } from '../migration/shadow/foresight.ts';
import type { MigrationSet } from '../migration/migration-set.ts';
import { readMigrations } from '../migration/source.ts';
import { print } from './output.ts';
import type { VerbContext } from './verb-context.ts';

/** Kubernetes shows the last 2,048 bytes of a container's output as the reason of its end. */
const mostBytes = 1_900;

/** The database in DATABASE_URL. @throws UserError without it */
export function databaseUrl({ env }: VerbContext): string {
  const url = env['DATABASE_URL'] ?? '';
  if (url === '') throw new UserError('with a folder the database is named by the variable DATABASE_URL');
  return url;
}

/** The replicas that a backfill must not leave behind: the URLs in REPLICA_URLS, between spaces. @throws UserError */
export function replicaUrls({ env }: Pick<VerbContext, 'env'>): string[] {
  const urls = (env['REPLICA_URLS'] ?? '').split(/\s+/).filter((url) => url !== '');
  for (const url of urls) parseConnectionUrl(url);
  return urls;
}

/** The migrations of a folder; what the reader should know of it is printed to stderr. @throws UserError */
export async function readSet(folder: string, context: VerbContext): Promise<MigrationSet> {
  const set = await readMigrations(folder);
  for (const note of set.notes) print(context, note, 'stderr');
  return set;
}

/** Where a shadow is made, and what it tells is kept: below XDG_CACHE_HOME or ~/.cache. */
export function shadowSettings({ env }: VerbContext): ShadowSettings {
  const home = env['HOME'] ?? '';
  const caches = env['XDG_CACHE_HOME'] ?? (home === '' ? '' : join(home, '.cache'));
  return {
    temporary: tmpdir(),
    searchPath: env['PATH'] ?? '',
    ...(caches === '' ? {} : { cache: join(caches, 'holdfast', 'rehearsals') }),
  };
}

/** Its errors say by their kind whether another try makes sense, and fit into a termination message. */
export async function endingClearly(context: VerbContext, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (context.interrupted.aborted)
      throw new OperationError('ended by a signal; another try goes on from here');
    if (error instanceof MigrationFailure && error.mayPass) throw error;
    if (error instanceof MigrationFailure || error instanceof UserError)
      throw new UserError(shortened(error.message), { cause: error });
    throw error;
  }
}

function shortened(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= mostBytes) return text;
  // A character that was cut in two is left out.
  return `${bytes
    .subarray(0, mostBytes)
    .toString()
    .replace(/\uFFFD+$/, '')} ...`;
}
