/** What an instance is told at its start, by its environment; read in one place, when the process begins. */
import { readFileSync } from 'node:fs';
import { UserError } from '../app/failure.ts';
import type { UserKey } from '../app/model.ts';
import { parseKeySource } from './request-key.ts';

/** How an instance takes part in the protocol. */
export interface Participation {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  /** The same for all instances of a service, unknown to others. */
  readonly token: string;
  /** This instance's id, as tables name it. */
  readonly instance: string;
}

export interface SessionSettings {
  /** Without it the instance is alone and owns everything. */
  readonly participation?: Participation;
  /** What names a user in a request. */
  readonly key: UserKey;
  /** How long an unused session lives, in ms. */
  readonly idleMs: number;
  /** How long a leaving instance may wait until others have its sessions, in ms. */
  readonly drainMs: number;
}

const DEFAULTS = { key: 'header:x-user', idle: 15 * 60_000, drain: 10 * 60_000 };

/** @throws UserError when a variable is missing or makes no sense */
export function settingsFrom(env: Readonly<Record<string, string | undefined>>): SessionSettings {
  const key = parseKeySource(env['HOLDFAST_SESSION_KEY'] ?? DEFAULTS.key);
  const idleMs = milliseconds(env, 'HOLDFAST_SESSION_IDLE', DEFAULTS.idle);
  const drainMs = milliseconds(env, 'HOLDFAST_SESSION_DRAIN', DEFAULTS.drain);
  const port = env['HOLDFAST_SESSION_PORT'];
  if (port === undefined) return { key, idleMs, drainMs };
  return { key, idleMs, drainMs, participation: participation(env, port) };
}

function participation(env: Readonly<Record<string, string | undefined>>, port: string): Participation {
  const file = env['HOLDFAST_SESSION_TOKEN_FILE'];
  const instance = env['INSTANCE'];
  if (file === undefined || instance === undefined || instance === '') {
    throw new UserError('HOLDFAST_SESSION_PORT needs HOLDFAST_SESSION_TOKEN_FILE and INSTANCE beside it');
  }
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new UserError(`HOLDFAST_SESSION_PORT must be a port, not ${JSON.stringify(port)}`);
  }
  return { port: Number(port), host: env['HOST'] ?? '0.0.0.0', token: readToken(file), instance };
}

function readToken(file: string): string {
  try {
    const token = readFileSync(file, 'utf8').trim();
    if (token.length >= 16) return token;
  } catch (cause) {
    throw new UserError(`HOLDFAST_SESSION_TOKEN_FILE: ${file} cannot be read`, { cause });
  }
  throw new UserError(`HOLDFAST_SESSION_TOKEN_FILE: ${file} must hold a token of 16 or more characters`);
}

function milliseconds(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  fallback: number,
): number {
  const text = env[name];
  if (text === undefined) return fallback;
  if (!/^\d{1,12}$/.test(text))
    throw new UserError(`${name} must be milliseconds, not ${JSON.stringify(text)}`);
  return Number(text);
}
