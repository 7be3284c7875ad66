/**
 * Which MariaDB may work on a data folder: an older one than the last can damage it, so it is not even
 * started. MariaDB itself notices only some of these cases.
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OperationError, UserError } from '../../../app/failure.ts';

/** The version of a server, such as `10.11.19`. */
export type Version = string;

/** How long `--version` may take, in ms. */
const askMs = 20_000;

const markFile = 'mariadb-version';

/** Files that MariaDB's own tools leave in a data folder, old and new name. */
const toolFiles = ['mysql_upgrade_info', 'mariadb_upgrade_info'];

/** What `mariadbd --version` and MariaDB's own files begin with; none when it isn't there. */
export function parseVersion(text: string): Version | undefined {
  return /\d+\.\d+\.\d+/.exec(text)?.[0];
}

/** Negative when the series of `a` (its first two numbers) is older than that of `b`. */
export function compareSeries(a: Version, b: Version): number {
  const [major = 0, minor = 0] = a.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = b.split('.').map(Number);
  return major - otherMajor || minor - otherMinor;
}

/** The version of the program. */
export async function programVersion(program: string): Promise<Version> {
  const { stdout } = await promisify(execFile)(program, ['--no-defaults', '--version'], { timeout: askMs });
  const version = parseVersion(stdout.replace(/^.*\bVer\b/, ''));
  if (version === undefined) throw new OperationError(`${program} does not tell its version: ${stdout}`);
  return version;
}

/**
 * Notes in `folder` that `version` works on the data in its subfolder `data` from now on.
 * @throws UserError when a newer series has done so
 */
export async function claimData(folder: string, version: Version): Promise<void> {
  const files = [join(folder, markFile), ...toolFiles.map((name) => join(folder, 'data', name))];
  const seen: Version[] = [];
  for (const file of files) seen.push(...(await versionIn(file)));
  const newer = seen.find((other) => compareSeries(other, version) > 0);
  if (newer !== undefined) {
    throw new UserError(
      `the data in ${folder} was last used by MariaDB ${newer}, this is ${version}: ` +
        `an older server can damage it. Use an image with MariaDB ${newer.replace(/\.\d+$/, '')} or newer`,
    );
  }
  await writeFile(join(folder, markFile), `${version}\n`, { mode: 0o600 });
}

async function versionIn(file: string): Promise<Version[]> {
  try {
    const version = parseVersion(await readFile(file, 'utf8'));
    return version === undefined ? [] : [version];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
