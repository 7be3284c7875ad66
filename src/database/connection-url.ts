/**
 * The URL of a MariaDB database, `mysql://user:password@host:port/database`, as services get it in
 * DATABASE_URL and users write it for a server of their own. User, password and database are
 * percent-encoded. A message never holds a password: `redacted` says how a URL is shown.
 */

import type { ConnectionOptions, SslOptions } from 'mysql2';
import { UserError } from '../app/failure.ts';

export interface ConnectionTarget {
  readonly user: string;
  readonly password: string;
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** None: the server, not one of its databases. */
  readonly database?: string;
  /** `required` encrypts, `verified` also checks that the server is who it says. None: plain. */
  readonly tls?: 'required' | 'verified';
}

const protocols = new Set(['mysql:', 'mariadb:']);

const defaultPort = 3306;

/** How long a connection may take to be made, in ms. */
const connectTimeoutMs = 10_000;

/** Names that a URL takes for a way up or down its path, however they are encoded. */
const pathSteps = new Set(['.', '..']);

/**
 * Builds a URL that `parseConnectionUrl` and every other client read back as `target`.
 * @throws UserError for a database that no URL can name
 */
export function connectionUrl(target: ConnectionTarget): string {
  const { user, password, database, tls } = target;
  if (database !== undefined && pathSteps.has(database))
    throw new UserError(`a database cannot be called "${database}": no URL can name it`);
  const host = target.host.includes(':') ? `[${target.host}]` : target.host;
  const login = password === '' ? encoded(user) : `${encoded(user)}:${encoded(password)}`;
  const mode = { none: '', required: '?ssl-mode=REQUIRED', verified: '?ssl-mode=VERIFY_IDENTITY' };
  return `mysql://${login}@${host}:${target.port}/${encoded(database ?? '')}${mode[tls ?? 'none']}`;
}

/**
 * Reads `mysql://` and `mariadb://`. Of the parameters only `ssl-mode` (REQUIRED, VERIFY_CA,
 * VERIFY_IDENTITY, DISABLED) and `ssl` (true, false) are heeded; others are for the services.
 * Throws `UserError`, without the password, when it is not such a URL.
 */
export function parseConnectionUrl(text: string): ConnectionTarget {
  const url = readable(text);
  const database = decoded(url.pathname.slice(1));
  const tls = tlsOf(url.searchParams);
  return {
    user: decoded(url.username),
    password: decoded(url.password),
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? defaultPort : Number(url.port),
    ...(database === '' ? {} : { database }),
    ...(tls ? { tls } : {}),
  };
}

/** The URL as it may be shown: `***` for the password, no parameters. Never throws. */
export function redacted(url: string): string {
  try {
    const { user, host, port, database } = parseConnectionUrl(url);
    return connectionUrl({ user, password: '', host, port, ...(database ? { database } : {}) }).replace(
      '@',
      ':***@',
    );
  } catch {
    // Whatever is wrong with it, parts of the password may be anywhere in it.
    return '(a URL that cannot be read)';
  }
}

/** What mysql2 needs to connect to `url`. Throws like `parseConnectionUrl`. */
export function connectionOptions(url: string): ConnectionOptions {
  const { user, password, host, port, database, tls } = parseConnectionUrl(url);
  const ssl: SslOptions | undefined = tls && {
    rejectUnauthorized: tls === 'verified',
    verifyIdentity: tls === 'verified',
  };
  return {
    user,
    password,
    host,
    port,
    charset: 'utf8mb4',
    connectTimeout: connectTimeoutMs,
    ...(database === undefined ? {} : { database }),
    ...(ssl ? { ssl } : {}),
  };
}

function readable(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !protocols.has(url.protocol)) throw unreadable('');
  if (url.hostname === '') throw unreadable('; the host is missing');
  if (url.hash !== '') throw unreadable('; a # in it is written %23');
  if (url.pathname.slice(1).includes('/')) throw unreadable('; a / in it is written %2F');
  return url;
}

function tlsOf(parameters: URLSearchParams): ConnectionTarget['tls'] {
  const mode = parameters.get('ssl-mode') ?? parameters.get('ssl') ?? 'DISABLED';
  switch (mode.toUpperCase()) {
    case 'DISABLED':
    case 'FALSE':
      return undefined;
    case 'REQUIRED':
      return 'required';
    case 'TRUE':
    case 'VERIFY_CA':
    case 'VERIFY_IDENTITY':
      return 'verified';
    default:
      throw new UserError(
        'the ssl-mode of a database URL is one of DISABLED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY',
      );
  }
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll("'", '%27');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // A cause would quote the text, which may be the password.
    if (error instanceof URIError) throw unreadable('; a % in it is written %25');
    throw error;
  }
}

function unreadable(hint: string): UserError {
  return new UserError(
    `this is not a database URL of the form mysql://user:password@host:port/database, ` +
      `with everything but letters and digits percent-encoded${hint}`,
  );
}
