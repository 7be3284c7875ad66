/** Watches of the real Kubernetes API, from inside a pod. */
import { inClusterConnection, type Environment } from '../api/connection.ts';
import { Informer } from '../api/informer.ts';
import { KubeClient } from '../api/kube-client.ts';
import type { KubeObject } from '../api/kube-object.ts';
import type { WatchChoice, Watched, WatchObjects } from './router-source.ts';

/** What it may not read yet it is soon asked for again: its rights come about at the same time. ms. */
const DELAYS = { first: 100, most: 2_000 };

/** @throws UserError outside of a pod */
export async function kubeWatch(
  env: Environment,
  namespace: string,
  log: (text: string) => void,
): Promise<WatchObjects> {
  const connection = await inClusterConnection(env);
  const client = new KubeClient(connection, { userAgent: 'holdfast-router', manager: 'holdfast-router' });
  const onError = (error: unknown): void => log(error instanceof Error ? error.message : String(error));
  return <T extends KubeObject>(choice: WatchChoice, signal: AbortSignal): Watched<T> => {
    const pace = { delays: DELAYS };
    const informer = new Informer<T>(client, { ...choice, namespace, random: Math.random, onError, pace });
    void informer.start(signal);
    return informer;
  };
}
