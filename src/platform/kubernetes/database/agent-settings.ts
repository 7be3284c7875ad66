/** What the agent is told by its environment. */
import { UserError } from '../../../app/failure.ts';
import { parseDuration } from '../../../app/units.ts';

export interface AgentSettings {
  /** The application's database. */
  readonly database: string;
  /** The buffer pool, in bytes. */
  readonly memory: number;
  /** A file for each account: its name is the user, its content the password. */
  readonly accountsFolder: string;
  /** On the volume: data, lock, temporary files. */
  readonly dataFolder: string;
  /** Writable, for what is made anew at each start: socket, options, accounts. */
  readonly scratchFolder: string;
  /** Where MariaDB listens, and where the agent answers probes. */
  readonly port: number;
  readonly probePort: number;
  /** How long MariaDB may take to end after a SIGTERM before it is killed, in ms. */
  readonly graceMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const largestPort = 65_535;

/** @throws UserError that names the variable */
export function agentSettings(env: Environment): AgentSettings {
  return {
    database: required(env, 'HOLDFAST_DATABASE_NAME'),
    memory: wholeNumber(env, 'HOLDFAST_DATABASE_MEMORY', { fallback: 134_217_728, most: 2 ** 50 }),
    accountsFolder: required(env, 'HOLDFAST_ACCOUNTS_FOLDER'),
    dataFolder: optional(env, 'HOLDFAST_DATA', '/var/lib/holdfast/database'),
    scratchFolder: optional(env, 'HOLDFAST_FOLDER', '/var/run/holdfast'),
    port: wholeNumber(env, 'HOLDFAST_DATABASE_PORT', { fallback: 3306, most: largestPort }),
    probePort: wholeNumber(env, 'HOLDFAST_PROBE_PORT', { fallback: 8081, most: largestPort }),
    graceMs: duration(env, 'HOLDFAST_GRACE', '55s'),
  };
}

/** An empty variable is one that is not set. */
function optional(env: Environment, name: string, fallback: string): string {
  const value = env[name] ?? '';
  return value === '' ? fallback : value;
}

function required(env: Environment, name: string): string {
  const value = optional(env, name, '');
  if (value === '') throw new UserError(`the variable ${name} is not set; the agent needs it`);
  return value;
}

function wholeNumber(
  env: Environment,
  name: string,
  { fallback, most }: { fallback: number; most: number },
): number {
  const text = optional(env, name, String(fallback));
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= most) return value;
  throw new UserError(`${name} is a whole number from 1 to ${most}, not "${text}"`);
}

function duration(env: Environment, name: string, fallback: string): number {
  const text = optional(env, name, fallback);
  const value = parseDuration(text);
  if (!Number.isNaN(value)) return value;
  throw new UserError(`${name} is a time such as 30s or 2m, not "${text}"`);
}
