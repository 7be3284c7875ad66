/** What the container that holds an instance's end back is told by its environment. */
import { UserError } from '../../../app/failure.ts';
import { parseDuration } from '../../../app/units.ts';

/** How long routers are asked to let the users go when they do not answer; ms. Pods have as long beyond their drain time. */
export const RELEASED_WITHIN = 10_000;

export interface DrainSettings {
  readonly service: string;
  /** The pod's name, which is the instance id. */
  readonly instance: string;
  /** DNS name that has the address of every router. */
  readonly routers: string;
  readonly tokenFile: string;
  /** How long users may stay once the instance is to end; ms. */
  readonly drain: number;
  /** Where the instance says what it still has, if it hands its sessions over. */
  readonly sessions?: { readonly port: number; readonly tokenFile: string };
  /** What it listens at; by default all addresses of the pod. */
  readonly host: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws UserError that names the variable which is missing */
export function drainSettings(env: Environment): DrainSettings {
  return {
    service: required(env, 'HOLDFAST_SERVICE'),
    instance: required(env, 'INSTANCE'),
    routers: required(env, 'HOLDFAST_ROUTERS'),
    tokenFile: required(env, 'HOLDFAST_TOKEN_FILE'),
    drain: duration(env, 'HOLDFAST_DRAIN'),
    host: env['HOLDFAST_HOST'],
    ...sessionSettings(env),
  };
}

function sessionSettings(env: Environment): Pick<DrainSettings, 'sessions'> {
  if (env['HOLDFAST_SESSION_PORT'] === undefined) return {};
  const port = Number(required(env, 'HOLDFAST_SESSION_PORT'));
  return { sessions: { port, tokenFile: required(env, 'HOLDFAST_SESSION_TOKEN_FILE') } };
}

function required(env: Environment, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw new UserError(`The environment variable ${name} is missing`);
  return value;
}

function duration(env: Environment, name: string): number {
  const text = required(env, name);
  const time = parseDuration(text);
  if (Number.isNaN(time))
    throw new UserError(`${name} is "${text}": a duration is expected, such as 30s or 10m`);
  return time;
}
