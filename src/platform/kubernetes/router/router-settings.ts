/** What a router pod is told by its environment. */
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { UserError } from '../../../app/failure.ts';
import { PORTS } from '../objects/names.ts';

export interface RouterSettings {
  readonly app: string;
  readonly namespace: string;
  /** The pod's name: the router's name among its peers. */
  readonly name: string;
  /** The pod's address: where the other routers reach this one. */
  readonly address: string;
  /** What users and the state API are listened for at. */
  readonly host: string;
  readonly tokenFile: string;
  /** Writable and short: HAProxy's files and its socket. */
  readonly folder: string;
  /** How long it goes on serving after SIGTERM, since nodes learn late that it leaves; ms. */
  readonly grace: number;
  /** Where programs are looked for, as in PATH. */
  readonly searchPath: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_FOLDER = '/var/run/holdfast';
const DEFAULT_GRACE = '5s';

/** @throws UserError that names the variable which is missing or wrong */
export function routerSettings(env: Environment): RouterSettings {
  const address = required(env, 'POD_IP');
  return {
    app: required(env, 'HOLDFAST_APP'),
    namespace: required(env, 'POD_NAMESPACE'),
    name: required(env, 'POD_NAME'),
    address,
    host: env['HOLDFAST_HOST'] ?? (isIPv6(address) ? '::' : '0.0.0.0'),
    tokenFile: required(env, 'HOLDFAST_TOKEN_FILE'),
    folder: env['HOLDFAST_FOLDER'] ?? DEFAULT_FOLDER,
    grace: seconds(env, 'HOLDFAST_ROUTER_GRACE', DEFAULT_GRACE),
    searchPath: env['PATH'] ?? '',
  };
}

/** HAProxy's runtime socket. */
export function runtimeSocket({ folder }: RouterSettings): string {
  return join(folder, 'router.sock');
}

/** The router as a peer of the others. */
export function selfOf({ name, address }: RouterSettings): { name: string; host: string; port: number } {
  return { name, host: address, port: PORTS.pins };
}

function required(env: Environment, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw new UserError(`The environment variable ${name} is missing`);
  return value;
}

/** Whole or decimal seconds such as `5s` or `0.5s`, in ms. */
function seconds(env: Environment, name: string, usual: string): number {
  const text = env[name] ?? usual;
  const match = /^(\d+(?:\.\d+)?)s?$/.exec(text);
  if (match === null) throw new UserError(`${name} is "${text}": seconds are expected, such as 5s`);
  return Number(match[1]) * 1_000;
}
