/**
 * `wait`: until an App is ready at its current generation. Made for a Job of a Helm release; in a pod it needs
 * the right to get that one App and no other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { OperationError } from '../app/failure.ts';
import { inClusterConnection } from '../platform/kubernetes/api/connection.ts';
import { KubeClient } from '../platform/kubernetes/api/kube-client.ts';
import { isForbidden, KubeUnreachable } from '../platform/kubernetes/api/kube-error.ts';
import { RESOURCE_TYPES } from '../platform/kubernetes/api/kube-object.ts';
import type { AppObject } from '../platform/kubernetes/observe/kinds.ts';
import { requireAppType, type AppRef } from '../platform/kubernetes/verbs/app-access.ts';
import { MANAGER } from '../platform/kubernetes/verbs/field-managers.ts';
import { readinessOf, type Readiness } from '../platform/kubernetes/verbs/readiness.ts';
import { clusterOf, type Cluster } from './cluster-place.ts';
import { durationOf } from './duration-option.ts';
import { print, printJson } from './output.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';
import { version } from './version.ts';

export interface WaitOptions extends CommonOptions {
  /** The name of the App. */
  readonly appResource: string;
  /** Such as `10m`. */
  readonly timeout: string;
}

/** How often it is looked; ms. */
const PACE = 500;
/** Rights that were given just now are not known to every API server at once; ms. */
const RIGHTS_KNOWN = 60_000;

/** @returns 0 when it is ready. @throws OperationError with the reason when it will not be, or not in time */
export async function wait(options: WaitOptions, context: VerbContext): Promise<number> {
  const limit = AbortSignal.timeout(durationOf('--timeout', options.timeout));
  const { client, namespace } = await connected(options, context);
  const ref = { namespace, name: options.appResource };
  const quit = AbortSignal.any([limit, context.interrupted]);
  const rightsKnown = AbortSignal.timeout(RIGHTS_KNOWN);
  let told = '';
  while (!quit.aborted) {
    const { state, message } = await look(client, ref, { quit, rightsKnown });
    if (state === 'ready') return done(options, context);
    if (state === 'stalled') throw new OperationError(message);
    if (message !== told) print(context, message);
    told = message;
    await sleep(PACE, undefined, { signal: quit }).catch(() => undefined);
  }
  const why = context.interrupted.aborted ? 'ended by a signal' : `not ready within ${options.timeout}`;
  throw new OperationError(`${ref.name} is ${why}: ${told}`);
}

function done(options: WaitOptions, context: VerbContext): number {
  if (options.json === true) printJson(context, { name: options.appResource, ready: true });
  else print(context, `${options.appResource} is ready`);
  return 0;
}

interface Patience {
  readonly quit: AbortSignal;
  /** Aborted when a right that is missing is really missing. */
  readonly rightsKnown: AbortSignal;
}

async function look(client: KubeClient, ref: AppRef, { quit, rightsKnown }: Patience): Promise<Readiness> {
  try {
    const object = await client.get<AppObject>(RESOURCE_TYPES.App, ref, quit).catch(requireAppType);
    if (object !== undefined) return readinessOf(object);
    return { state: 'waiting', message: `there is no App ${ref.name} in ${ref.namespace} yet` };
  } catch (error) {
    if (quit.aborted) return { state: 'waiting', message: 'its App was being read' };
    const mayPass = error instanceof KubeUnreachable || (isForbidden(error) && !rightsKnown.aborted);
    if (mayPass) return { state: 'waiting', message: error.message };
    throw error;
  }
}

async function connected(options: WaitOptions, context: VerbContext): Promise<Cluster> {
  if (options.context !== undefined) return clusterOf(options, context);
  const connection = await inClusterConnection(context.env);
  const client = new KubeClient(connection, { userAgent: `holdfast/${version()}`, manager: MANAGER });
  return { client, namespace: options.namespace ?? client.namespace };
}
