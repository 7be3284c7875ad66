/** Finds and changes the App of an application. What is changed is what was read, or it is read again. */
import { UserError } from '../../../app/failure.ts';
import type { KubeClient } from '../api/kube-client.ts';
import { isConflict, isNotFound } from '../api/kube-error.ts';
import { RESOURCE_TYPES } from '../api/kube-object.ts';
import type { AppObject } from '../observe/kinds.ts';
import { mergePatchOf } from './merge-patch.ts';

export interface AppRef {
  readonly namespace: string;
  readonly name: string;
}

/** What of an App is to be changed; what is not there stays. */
export interface AppChange {
  readonly annotations?: Readonly<Record<string, string>>;
  /** The whole spec. */
  readonly spec?: unknown;
}

/** How often a change is tried again because the App has changed meanwhile, as its status often does. */
const MOST_TRIES = 10;

/** @throws UserError when there is no such App, or the cluster knows none */
export async function readApp(client: KubeClient, ref: AppRef, signal?: AbortSignal): Promise<AppObject> {
  const found = await client.get<AppObject>(RESOURCE_TYPES.App, ref, signal).catch(requireAppType);
  if (found !== undefined) return found;
  const others = (await appNames(client, ref.namespace)).join(', ');
  throw new UserError(
    `there is no App "${ref.name}" in the namespace "${ref.namespace}"` +
      (others === '' ? '; bring it there: holdfast deploy' : `; there is ${others}`),
  );
}

/** The names of the Apps of a namespace, sorted. @throws UserError when the cluster knows none */
export async function appNames(client: KubeClient, namespace: string): Promise<string[]> {
  const { items } = await client.list<AppObject>(RESOURCE_TYPES.App, { namespace }).catch(requireAppType);
  return items.map(({ metadata }) => metadata.name).toSorted();
}

/**
 * Changes an App with what was read as the precondition.
 * @param change may throw; undefined means that nothing is to be changed
 * @returns the App as it is then
 */
export async function changeApp(
  client: KubeClient,
  ref: AppRef,
  change: (object: AppObject) => AppChange | undefined,
): Promise<AppObject> {
  for (let tries = 1; ; tries++) {
    const object = await readApp(client, ref);
    const wanted = change(object);
    if (wanted === undefined) return object;
    try {
      return await client.mergePatch<AppObject>(RESOURCE_TYPES.App, ref, patchOf(object, wanted));
    } catch (error) {
      if (!isConflict(error) || tries === MOST_TRIES) throw error;
    }
  }
}

function patchOf(object: AppObject, { annotations, spec }: AppChange): object {
  const { resourceVersion } = object.metadata;
  return {
    metadata: { resourceVersion, ...(annotations === undefined ? {} : { annotations }) },
    ...(spec === undefined ? {} : { spec: mergePatchOf(object.spec, spec) }),
  };
}

/** Turns "no such type" into words for the user. */
export function requireAppType(error: unknown): never {
  if (isNotFound(error) && error.reason === 'NoSuchPath')
    throw new UserError(
      'Holdfast is not installed in this cluster: it knows no Apps. See: holdfast doctor --context NAME',
      { cause: error },
    );
  throw error;
}
