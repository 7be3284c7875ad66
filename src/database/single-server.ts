/**
 * How one MariaDB server of its own is configured. Everything it reads lies in folders of its own:
 * the data, the options and the accounts. The options file is the only one that is read, so nothing in
 * /etc changes what the server does. A commit that was acknowledged survives a kill and a power cut.
 */

import { join } from 'node:path';
import { UserError } from '../app/failure.ts';

/** Where the parts of one server lie. */
export interface ServerPaths {
  /** The data folder, as made by `initialiseDataFolder`. */
  readonly data: string;
  /** The options file. */
  readonly defaults: string;
  /** The SQL of `accountsSql`; holds password hashes, so its mode is 0600. */
  readonly accounts: string;
}

/** What is decided outside: `folder` is the server's own folder, `memory` the buffer pool in bytes. */
export interface SingleServerOptions {
  readonly folder: string;
  readonly socketPath: string;
  readonly port: number;
  readonly memory: number;
  /** A server that is run by root refuses to start unless told that this is meant. */
  readonly runsAsRoot: boolean;
  /** Where options and accounts lie when not in `folder`; they are written anew at each start. */
  readonly scratch?: string;
  /** Where it listens; without it on this machine only. `*`: on every address, IPv4 and IPv6. */
  readonly bindAddress?: string;
  /** Where large sorts and table changes put their files; must exist. Without it the system's place. */
  readonly temporary?: string;
}

/** The content of the options file (to be written at `paths.defaults`) and the arguments of `mariadbd`. */
export interface SingleServer {
  readonly paths: ServerPaths;
  readonly defaultsFile: string;
  readonly args: readonly string[];
}

/** Linux keeps the path of a Unix socket in 108 bytes, the last of which is zero. */
const longestSocketPath = 107;

/** The paths of the server whose own folder is `folder`, with options and accounts in `scratch`. */
export function serverPaths(folder: string, scratch = folder): ServerPaths {
  return {
    data: join(folder, 'data'),
    defaults: join(scratch, 'server.cnf'),
    accounts: join(scratch, 'accounts.sql'),
  };
}

/**
 * Decides options and arguments; `mariadbd` is started with them directly.
 * Throws `UserError` when the socket's path is longer than the system allows.
 */
export function singleServer(options: SingleServerOptions): SingleServer {
  if (Buffer.byteLength(options.socketPath) > longestSocketPath) {
    throw new UserError(
      `the database's socket ${options.socketPath} has a longer path than the system allows ` +
        `(${longestSocketPath} bytes): move the application to a folder with a shorter path`,
    );
  }
  const paths = serverPaths(options.folder, options.scratch);
  const args = [`--defaults-file=${paths.defaults}`];
  if (options.runsAsRoot) args.push('--user=root');
  return { paths, defaultsFile: defaultsFile(options, paths), args };
}

function defaultsFile(options: SingleServerOptions, paths: ServerPaths): string {
  const value = quotedOption;
  const temporary = options.temporary === undefined ? '' : `tmpdir = ${value(options.temporary)}\n`;
  return `# Written by Holdfast at each start; changes here are lost.
[mariadbd]
datadir = ${value(paths.data)}
socket = ${value(options.socketPath)}
pid-file = ${value(join(paths.data, 'mariadbd.pid'))}
init-file = ${value(paths.accounts)}
${temporary}bind-address = ${options.bindAddress ?? '127.0.0.1'}
port = ${options.port}
skip-name-resolve

# The value that accountsSql() is written for.
sql-mode = STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION
character-set-server = utf8mb4
max-connections = 500

# A commit is on the disk before it is acknowledged.
innodb-flush-log-at-trx-commit = 1
innodb-doublewrite = ON
sync-binlog = 1

# Rows of a statement that failed, or of a connection that was lost, are never half there.
default-storage-engine = InnoDB
innodb-rollback-on-timeout = ON

innodb-buffer-pool-size = ${options.memory}
innodb-fast-shutdown = 1
performance-schema = OFF
`;
}

/** In an options file a bare `#` starts a comment and a backslash an escape; inside quotes only the latter. */
function quotedOption(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
