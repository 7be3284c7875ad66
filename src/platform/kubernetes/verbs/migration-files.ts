/**
 * The migrations of a folder as a ConfigMap, for an application whose migrations are in no image. It is
 * named by its content and never changed; those that nothing refers to any more can go.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../../app/failure.ts';
import { readMigrations } from '../../../migration/source.ts';
import { digest, manifest, type Manifest } from '../objects/manifest.ts';
import { labelsOf } from '../objects/names.ts';
import type { AppRef } from './app-access.ts';

/** The most that all files have together; an object of a cluster has at most 1 MiB. Bytes. */
const MOST_BYTES = 900_000;
/** What the API server takes as a key. */
const KEY = /^[\w.-]{1,253}$/;
export const FILES_PART = 'migration-files';

/** @throws UserError when the folder is not there, or something in it can't be applied or sent */
export async function readMigrationFiles(folder: string): Promise<Record<string, string>> {
  const { files } = await readMigrations(folder);
  const contents = files.map(async ({ file }) => [file, await readFile(join(folder, file), 'utf8')] as const);
  const data = Object.fromEntries(await Promise.all(contents));
  requireFitting(folder, data);
  return data;
}

function requireFitting(folder: string, data: Readonly<Record<string, string>>): void {
  const wrong = Object.keys(data).filter((file) => !KEY.test(file));
  if (wrong.length > 0)
    throw new UserError(
      `${wrong.join(', ')} in ${folder}: on a cluster a file's name has letters, digits, -, _ and . only; rename it before it is applied anywhere`,
    );
  const bytes = Object.values(data).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > MOST_BYTES)
    throw new UserError(
      `the migrations in ${folder} have ${bytes} bytes; more than ${MOST_BYTES} need an image: put them into its folder /migrations and write migrations: { image: NAME }`,
    );
}

/** Pure. @param data the files by name */
export function migrationFilesMap(
  { namespace, name }: AppRef,
  data: Readonly<Record<string, string>>,
): Manifest {
  const sorted = Object.entries(data).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const about = { namespace, labels: labelsOf(name, FILES_PART) };
  return manifest('v1 ConfigMap', `${name}-migrations-${digest(sorted)}`, about, {
    immutable: true,
    data: Object.fromEntries(sorted),
  });
}

/** The names that stand in none of the texts. Pure. */
export function unreferenced(names: readonly string[], texts: readonly string[]): string[] {
  return names.filter((name) => !texts.some((text) => text.includes(name)));
}
