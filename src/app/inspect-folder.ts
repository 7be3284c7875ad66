/** Looks at a folder for `init`: the names in it and one level below, and what its `package.json` files say. */
import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { OperationError, UserError } from './failure.ts';
import type { FolderFacts, PackageFacts, ProgramFacts } from './recognise.ts';

/** Folders whose subfolders may be services. */
const CONTAINERS: readonly string[] = ['apps', 'services'];

/** Where migrations usually lie, the likeliest first. */
const MIGRATION_FOLDERS: readonly string[] = [
  'migrations',
  'db/migrations',
  'database/migrations',
  'db/migration',
  'sql',
  'src/main/resources/db/migration',
];

const packageSchema = z.object({
  name: z.string().optional().catch(undefined),
  main: z.string().optional().catch(undefined),
  scripts: z.record(z.string(), z.string()).catch({}),
  dependencies: z.record(z.string(), z.unknown()).catch({}),
});

/** The facts of `folder`. Throws a `UserError` if a `package.json` is broken, an `OperationError` if a folder cannot be read. */
export async function inspectFolder(folder: string): Promise<FolderFacts> {
  const root = resolve(folder);
  const folders = await foldersIn(root, '');
  const nested = await Promise.all(
    CONTAINERS.filter((name) => folders.includes(name)).map((name) => foldersIn(root, name)),
  );
  const subfolders = await Promise.all(
    [...folders, ...nested.flat()].map(async (path) => ({
      path,
      ...(await inspectProgram(join(root, path))),
    })),
  );
  return {
    folderName: basename(root),
    ...(await inspectProgram(root)),
    subfolders,
    migrationFolders: await migrationFoldersIn(root),
  };
}

async function foldersIn(root: string, path: string): Promise<string[]> {
  const entries = await list(join(root, path));
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
    .map(({ name }) => (path === '' ? name : `${path}/${name}`))
    .toSorted();
}

async function inspectProgram(folder: string): Promise<ProgramFacts> {
  const files = (await list(folder)).filter((entry) => entry.isFile()).map(({ name }) => name);
  if (!files.includes('package.json')) return { files };
  return { files, package: await readPackage(join(folder, 'package.json')) };
}

async function readPackage(file: string): Promise<PackageFacts> {
  const { name, main, scripts, dependencies } = packageSchema.parse(await readJson(file));
  return {
    ...(name === undefined ? {} : { name }),
    ...(main === undefined ? {} : { main }),
    scripts,
    dependencies: Object.keys(dependencies),
  };
}

async function readJson(file: string): Promise<object> {
  try {
    const content: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof content === 'object' && content !== null) return content;
  } catch (cause) {
    throw new UserError(`${file} cannot be read as JSON. Mend it first.`, { cause });
  }
  throw new UserError(`${file} is no JSON object. Mend it first.`);
}

async function migrationFoldersIn(root: string): Promise<string[]> {
  const found = await Promise.all(
    MIGRATION_FOLDERS.map(async (path) => {
      const entries = await list(join(root, path));
      return entries.some((entry) => entry.isFile() && /^V\d+__.*\.sql$/.test(entry.name)) ? [path] : [];
    }),
  );
  return found.flat();
}

/** The entries of a folder; none if there is no such folder. */
async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR'].includes(String(error.code)))
      return [];
    throw new OperationError(`The folder ${folder} cannot be read.`, { cause: error });
  }
}
