/**
 * The images that the tests run, built once for each content of the files they are made from and kept in the
 * cache. The archives lack the layers that `bases` has, so they go together.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, clusterFolder, repository, runScript } from './run-script.ts';

/** Paths of OCI archives; each holds the image that is named here. */
export interface ImageArchives {
  /** What the others stand on; for the nodes to have from the start. */
  readonly bases: string;
  /** `localhost/holdfast:test` */
  readonly holdfast: string;
  /** `localhost/holdfast-database:test` */
  readonly database: string;
  /** `localhost/community/login:1` */
  readonly login: string;
  /** `localhost/community/community:1` */
  readonly community: string;
  /** `localhost/community/migrations:1` */
  readonly migrations: string;
  /** `localhost/notes:1`, a service that hands its sessions over */
  readonly notes: string;
}

/** With its layers complete, made by buildah from images/Containerfile. */
export interface ReleaseArchives extends ImageArchives {
  /** `localhost/holdfast:full` */
  readonly holdfastFull: string;
  /** `localhost/holdfast-database:full` */
  readonly databaseFull: string;
}

const SOURCES = [
  'src',
  'bin',
  'images',
  'examples/community',
  'test/cluster',
  'test/session/fixtures/notes.ts',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
];
/** How many builds stay in the cache. */
const KEPT = 4;
/** The first one downloads packages. */
const buildTimeoutMs = 1_800_000;

/** Builds what is not built yet: 3 s after a change of the program, minutes at the very first time. */
export async function buildImages(): Promise<ImageArchives> {
  return archives(await build([]));
}

/** The same, and the images as a user builds them. Half a minute after a change of the program. */
export async function buildReleaseImages(): Promise<ReleaseArchives> {
  const folder = await build(['--full']);
  return {
    ...archives(folder),
    holdfastFull: join(folder, 'holdfast-full.tar'),
    databaseFull: join(folder, 'holdfast-database-full.tar'),
  };
}

function archives(folder: string): ImageArchives {
  const archive = (name: string): string => join(folder, `${name}.tar`);
  return {
    bases: archive('bases'),
    holdfast: archive('holdfast'),
    database: archive('holdfast-database'),
    login: archive('login'),
    community: archive('community'),
    migrations: archive('migrations'),
    notes: archive('notes'),
  };
}

async function build(options: readonly string[]): Promise<string> {
  const run = { env: process.env, timeoutMs: buildTimeoutMs };
  await runScript(join(clusterFolder, 'prepare'), [], run);
  const cache = cacheFolder(process.env);
  const folder = join(cache, ['built', ...options, await contentHash()].join('-'));
  if (!existsSync(folder)) {
    const unfinished = await mkdtemp(join(cache, 'building-'));
    try {
      await runScript(join(clusterFolder, 'build-images'), [unfinished, ...options], run);
      // Another process may have been faster; its files are the same.
      await rename(unfinished, folder).catch((error: unknown) => {
        if (!existsSync(folder)) throw error;
      });
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
  }
  const now = new Date();
  await utimes(folder, now, now);
  await forgetOldBuilds(cache);
  return folder;
}

/** Of everything that can make a difference to an image; tests can't. */
async function contentHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const source of SOURCES)
    for (const file of await filesOf(source))
      hash.update(`${file}\0`).update(await readFile(join(repository, file)));
  return hash.digest('hex').slice(0, 16);
}

async function filesOf(source: string): Promise<string[]> {
  const path = join(repository, source);
  if ((await stat(path)).isFile()) return [source];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(repository.length + 1))
    .filter((file) => !/(^|\/)(node_modules|\.holdfast)\//.test(file))
    .sort();
}

async function forgetOldBuilds(cache: string): Promise<void> {
  const names = (await readdir(cache)).filter((name) => name.startsWith('built-'));
  const builds = await Promise.all(
    names.map(async (name) => ({ name, used: (await stat(join(cache, name))).mtimeMs })),
  );
  const old = builds.sort((a, b) => b.used - a.used).slice(KEPT);
  await Promise.all(old.map(({ name }) => rm(join(cache, name), { recursive: true, force: true })));
}
