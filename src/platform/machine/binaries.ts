/** Finding the programs that Holdfast runs, also those in places that an ordinary user's PATH lacks. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { UserError } from '../../app/failure.ts';

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The Debian package that has each program. */
export const PACKAGES = {
  haproxy: 'haproxy',
  mariadbd: 'mariadb-server',
  'mariadb-install-db': 'mariadb-server',
  flock: 'util-linux',
} as const;

export type Program = keyof typeof PACKAGES;

/** The program's path, or undefined when it is not installed. */
export function findBinary(name: Program, path = process.env['PATH'] ?? ''): string | undefined {
  return [...path.split(delimiter), ...SYSTEM_FOLDERS]
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** The program's path. @throws UserError that says how to install it. */
export function requireBinary(name: Program): string {
  const found = findBinary(name);
  if (found !== undefined) return found;
  throw new UserError(`${name} is not installed. Install it: apt-get install ${PACKAGES[name]}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not there, or not for us: in both cases not a program that we can run.
    return false;
  }
}
