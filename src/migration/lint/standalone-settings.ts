/** Settings of a shadow when there is no live database to be like: those of the installed server. */

import { requireProgram } from '../../platform/programs.ts';
import { installedVersion } from '../shadow/installed-version.ts';
import type { LiveSettings } from '../shadow/live-settings.ts';

const database = 'lint';

/** Throws `UserError` when mariadbd is not installed. */
export async function standaloneSettings(searchPath: string): Promise<LiveSettings> {
  const version = (await installedVersion(requireProgram('mariadbd', searchPath))) ?? '';
  return {
    database,
    createDatabase: `CREATE DATABASE ${database} CHARACTER SET utf8mb4`,
    user: 'lint',
    host: '%',
    version,
    startOptions: {},
  };
}
