/** Finds and reads `holdfast.yaml`. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { UserError } from './failure.ts';
import type { App } from './model.ts';
import { parseApp } from './parse.ts';

export const APP_FILE_NAME = 'holdfast.yaml';

/** Above this it is not a file that somebody wrote; objects of a cluster are bounded likewise. */
const MOST_BYTES = 1_000_000;

/**
 * The absolute path of the nearest `holdfast.yaml` in `startFolder` or above it.
 * Throws a `UserError` if there is none.
 */
export async function findAppFile(startFolder: string): Promise<string> {
  const start = resolve(startFolder);
  for (let folder = start; ; folder = dirname(folder)) {
    const file = join(folder, APP_FILE_NAME);
    if (await isFile(file)) return file;
    if (folder === dirname(folder)) break;
  }
  throw new UserError(
    `There is no ${APP_FILE_NAME} in ${start} or above it. Write one with \`holdfast init\`, or name it with --app PATH.`,
  );
}

/** Where an application is; both paths are absolute. */
export interface AppLocation {
  readonly file: string;
  readonly folder: string;
}

/**
 * Finds the application at `path`, a file or a folder that has a `holdfast.yaml`; without a path the
 * nearest one from `cwd` upward. The file is not read. Throws a `UserError` if there is none.
 */
export async function locateApp(path: string | undefined, cwd: string): Promise<AppLocation> {
  const file = path === undefined ? await findAppFile(cwd) : await namedFile(resolve(cwd, path));
  return { file, folder: dirname(file) };
}

/** Locates and reads an application. Throws a `UserError` if it cannot be read, a `FileError` if it cannot be used. */
export async function loadApp(path: string | undefined, cwd: string): Promise<AppLocation & { app: App }> {
  const { file, folder } = await locateApp(path, cwd);
  const text = decode(await read(file), file);
  return { app: parseApp(text, shortName(file, cwd)), file, folder };
}

async function namedFile(path: string): Promise<string> {
  const stats = await stat(path).catch((cause: unknown) => {
    throw new UserError(`There is no file or folder ${path} (${codeOf(cause)}). Check --app PATH.`, {
      cause,
    });
  });
  if (!stats.isDirectory()) return path;
  const file = join(path, APP_FILE_NAME);
  if (await isFile(file)) return file;
  throw new UserError(`There is no ${APP_FILE_NAME} in ${path}. Write one there with \`holdfast init\`.`);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    // Only absence means "look further up": a folder that may not be read would hide the nearest file.
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return false;
    throw new UserError(`${path} cannot be looked at (${codeOf(error)}).`, { cause: error });
  }
}

async function read(file: string): Promise<Buffer> {
  const content = await readFile(file).catch((cause: unknown) => {
    throw new UserError(`${file} cannot be read (${codeOf(cause)}).`, { cause });
  });
  if (content.length <= MOST_BYTES) return content;
  throw new UserError(`${file} has ${content.length} bytes; an application file has at most ${MOST_BYTES}.`);
}

function decode(content: Buffer, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (cause) {
    throw new UserError(`${file} is not UTF-8 text. Save it as UTF-8.`, { cause });
  }
}

function shortName(file: string, cwd: string): string {
  const fromHere = relative(cwd, file);
  return fromHere.startsWith('..') ? file : fromHere;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
