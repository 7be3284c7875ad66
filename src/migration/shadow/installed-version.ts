/** The version of a server program, as it says itself. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const askTimeoutMs = 10_000;

/** Such as 10.11.6-MariaDB; none when the program does not say. */
export async function installedVersion(program: string): Promise<string | undefined> {
  const { stdout } = await run(program, ['--no-defaults', '--version'], { timeout: askTimeoutMs });
  return /\bVer (\S+)/.exec(stdout)?.[1];
}
