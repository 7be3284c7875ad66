/** Finds the programs of the MariaDB server, whose folder is not in an ordinary user's PATH on Debian. */

import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { UserError } from '../app/failure.ts';

const serverFolders = ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin', '/usr/libexec'];

export type ServerProgram = 'mariadbd' | 'mariadb-install-db';

/**
 * The absolute path of `program`, looked for in `searchPath` (as in PATH) and where packages put it.
 * Throws `UserError` with the package to install when it is not there.
 */
export async function findServerProgram(program: ServerProgram, searchPath: string): Promise<string> {
  // An empty or relative part of PATH would run whatever lies in the current folder.
  const folders = [...searchPath.split(delimiter).filter((folder) => isAbsolute(folder)), ...serverFolders];
  for (const folder of folders) {
    const file = join(folder, program);
    if (await isExecutable(file)) return file;
  }
  throw new UserError(
    `${program} is not installed: a database on this machine needs the MariaDB server ` +
      '(Debian, Ubuntu: apt-get install mariadb-server)',
  );
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    // Missing and forbidden are the same here: it can't be run.
    return false;
  }
}
