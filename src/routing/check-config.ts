/** Lets HAProxy itself judge a configuration file before it is put in force. */
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { OperationError, UserError } from '../app/failure.ts';
import { ALONE } from './haproxy-config.ts';

/** A check parses the file and its maps: it takes a fraction of a second. */
const CHECK_TIMEOUT_MS = 10_000;

/**
 * Checks the file in its own folder, where its maps are. `binary` is HAProxy's path or name, `self` the
 * router's name in its fleet.
 * @throws UserError when HAProxy is not installed, or is without Lua
 * @throws OperationError with HAProxy's words when the file is not valid
 */
export async function checkConfig(
  file: string,
  binary: string,
  signal?: AbortSignal,
  self: string = ALONE,
): Promise<void> {
  const options = {
    cwd: dirname(file),
    timeout: CHECK_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    ...(signal === undefined ? {} : { signal }),
  } as const;
  const { error, output } = await new Promise<{ error: Error | null; output: string }>((resolve) => {
    execFile(binary, ['-c', '-f', file, '-L', self], options, (error, _stdout, stderr) =>
      resolve({ error, output: stderr }),
    );
  });
  if (error === null) return;
  signal?.throwIfAborted();
  if ('code' in error && error.code === 'ENOENT') {
    throw new UserError(`HAProxy is missing (${binary}): install it, for example "apt-get install haproxy"`);
  }
  if (/unknown keyword 'lua-load'/.test(output)) {
    throw new UserError(
      `This HAProxy (${binary}) is built without Lua, which services with sessions need: install one with "USE_LUA=1" in "haproxy -vv", such as the package of Debian or Ubuntu`,
    );
  }
  throw new OperationError(`HAProxy does not accept ${file}:\n${complaints(output) || error.message}`, {
    cause: error,
  });
}

/** HAProxy's alerts and warnings without process ids and notices. */
function complaints(output: string): string {
  return [...output.matchAll(/^\[(?:ALERT|WARNING)\]\s*\(\d+\) : (.*)$/gm)]
    .map((match) => match[1])
    .join('\n');
}
