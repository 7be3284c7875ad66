/** What every verb needs of the place where it was called. */
import { locateApp } from '../app/load.ts';
import { UserError } from '../app/failure.ts';
import {
  checkStateVersion,
  controlSocket,
  stateFolder,
  type StateFolder,
} from '../platform/machine/state-folder.ts';
import { controlClient, NotRunning, type ControlClient } from './control-client.ts';

export interface VerbContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted at the first Ctrl-C, SIGTERM or SIGHUP. */
  readonly interrupted: AbortSignal;
  /** Aborted at the second one. */
  readonly hurried: AbortSignal;
}

export interface CommonOptions {
  /** A folder or a file; without it the nearest holdfast.yaml upward. */
  readonly app?: string;
  readonly json?: boolean;
  /** A context of the kubeconfig, or `.` for the current one: acts on that cluster, not on this machine. */
  readonly context?: string;
  /** On a cluster; without it the context's own. */
  readonly namespace?: string;
}

export interface Place {
  readonly folder: string;
  readonly state: StateFolder;
}

/** Where the application is, without reading its file: a file that is wrong must not keep it from being ended. */
export async function placeOf({ app, namespace }: CommonOptions, { cwd }: VerbContext): Promise<Place> {
  if (namespace !== undefined)
    throw new UserError('--namespace is for a cluster; name its context too: --context NAME, or --context .');
  const { folder } = await locateApp(app, cwd);
  return { folder, state: stateFolder(folder) };
}

/** A client of the application on this machine or, with a context, on a cluster. */
export async function controlOf(options: CommonOptions, context: VerbContext): Promise<ControlClient> {
  if (options.context === undefined) return clientOf(await placeOf(options, context));
  const { clusterControl } = await import('./cluster-control.ts');
  return clusterControl(options, context);
}

/** A client of the running application. Its calls throw NotRunning when there is none. */
export async function clientOf(place: Place): Promise<ControlClient> {
  await checkStateVersion(place.state);
  return controlClient(controlSocket(place.state));
}

/** Turns "nobody listens" into words for the user. */
export function requireRunning(error: unknown): never {
  if (error instanceof NotRunning)
    throw new UserError('the application does not run here; start it: holdfast up');
  throw error;
}
