/**
 * `.holdfast/`, beside the file: everything that must outlive the controller. It belongs to one user
 * (0700) and says which version wrote it; a folder of an unknown version is never touched.
 */
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../app/failure.ts';
import { readIfThere, writeJson } from './json-file.ts';

export const STATE_VERSION = 1;

/** The longest path of a Unix socket that every program takes (sun_path holds 108 bytes with its end). */
const SOCKET_PATH_BYTES = 100;

export interface StateFolder {
  readonly root: string;
  readonly lock: string;
  readonly controllerLog: string;
  /** Ports that stay the same over restarts. */
  readonly ports: string;
  /** What is in force, what was asked for by hand. */
  readonly settings: string;
  /** One record for each process that was started and not yet forgotten. */
  readonly processes: string;
  readonly logs: string;
  /** Put there by the user: SECRET/KEY. */
  readonly secrets: string;
  /** Made by Holdfast: passwords and generated values. */
  readonly generated: string;
  readonly routing: string;
  readonly database: string;
  /** What migrations did on a shadow; can be removed at any time. */
  readonly rehearsals: string;
  /** Unix sockets: inside the state folder, or in a private short folder where that path would not do. */
  readonly sockets: string;
}

/** Where things are for an application in `appFolder`. Creates nothing. */
export function stateFolder(
  appFolder: string,
  home: { temp: string; uid: number } = defaultHome(),
): StateFolder {
  const root = join(appFolder, '.holdfast');
  const inside = join(root, 'run');
  const short = join(
    home.temp,
    `holdfast-${home.uid}-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`,
  );
  // HAProxy expands variables in a socket's path, however they are escaped.
  const fits =
    Buffer.byteLength(join(inside, 'longest-name.sock')) <= SOCKET_PATH_BYTES && !inside.includes('$');
  return {
    root,
    lock: join(root, 'lock'),
    controllerLog: join(root, 'logs', 'controller.log'),
    ports: join(root, 'ports.json'),
    settings: join(root, 'settings.json'),
    processes: join(root, 'processes'),
    logs: join(root, 'logs'),
    secrets: join(root, 'secrets'),
    generated: join(root, 'generated'),
    routing: join(root, 'routing'),
    database: join(root, 'database'),
    rehearsals: join(root, 'rehearsals'),
    sockets: fits ? inside : short,
  };
}

/** Where the control socket of a running application listens. */
export function controlSocket(state: StateFolder): string {
  return join(state.sockets, 'control.sock');
}

/** Makes the folders that are missing. @throws UserError for a folder of another version or another user. */
export async function openStateFolder(state: StateFolder): Promise<void> {
  await checkStateVersion(state);
  for (const folder of [
    state.root,
    state.processes,
    state.logs,
    state.secrets,
    state.generated,
    state.routing,
    state.database,
  ])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  await mkdir(state.sockets, { recursive: true, mode: 0o700 });
  await checkPrivate(state.sockets);
  await chmod(state.root, 0o700);
  await writeFile(join(state.root, '.gitignore'), '*\n', { mode: 0o600 });
  if ((await readIfThere(versionFile(state))) === undefined)
    await writeJson(versionFile(state), { version: STATE_VERSION });
}

/** @throws UserError when the folder was written by a version that this one does not know. */
export async function checkStateVersion(state: StateFolder): Promise<void> {
  const text = await readIfThere(versionFile(state));
  if (text === undefined) return;
  const version = versionIn(text);
  if (version === STATE_VERSION) return;
  throw new UserError(
    `${state.root} was written by another version of Holdfast (state version ${JSON.stringify(version) ?? 'unreadable'}, ` +
      `this one knows ${STATE_VERSION}). Use the version that wrote it, or move the folder away to start afresh ` +
      '(it holds the database).',
  );
}

function versionIn(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined;
  } catch {
    // Not JSON is one more way of being of no known version.
    return undefined;
  }
}

function versionFile(state: StateFolder): string {
  return join(state.root, 'version.json');
}

/** The short folder lies where others can write: it must be ours alone. */
async function checkPrivate(folder: string): Promise<void> {
  const found = await lstat(folder);
  const mine = found.isDirectory() && found.uid === ownUser() && (found.mode & 0o077) === 0;
  if (!mine)
    throw new UserError(
      `${folder} must be a folder of your own with mode 0700, and is not. Remove it and try again.`,
    );
}

function defaultHome(): { temp: string; uid: number } {
  return { temp: tmpdir(), uid: ownUser() };
}

/** By number: in a container a user need not have a name. */
export function ownUser(): number {
  return process.getuid?.() ?? -1;
}
