/** Finding the programs that Holdfast runs, also those in places that an ordinary user's PATH lacks. */
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { UserError } from '../app/failure.ts';

const SYSTEM_FOLDERS = [
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
  '/usr/libexec',
];

/** The Debian package that has each program. */
export const PACKAGES = {
  haproxy: 'haproxy',
  mariadbd: 'mariadb-server',
  'mariadb-install-db': 'mariadb-server',
  flock: 'util-linux',
} as const;

export type Program = keyof typeof PACKAGES;

/**
 * The program's absolute path, or undefined when it is not installed. Empty and relative parts of
 * `searchPath` (as in PATH) are left out: they would run whatever lies in the current folder.
 */
export function findProgram(
  name: Program,
  searchPath: string,
  systemFolders: readonly string[] = SYSTEM_FOLDERS,
): string | undefined {
  return [...searchPath.split(delimiter).filter((folder) => isAbsolute(folder)), ...systemFolders]
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** The program's absolute path. @throws UserError that says how to install it */
export function requireProgram(
  name: Program,
  searchPath: string,
  systemFolders: readonly string[] = SYSTEM_FOLDERS,
): string {
  const found = findProgram(name, searchPath, systemFolders);
  if (found !== undefined) return found;
  throw new UserError(`${name} is not installed. Install it: apt-get install ${PACKAGES[name]}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Missing and forbidden are the same here: it can't be run.
    return false;
  }
}
