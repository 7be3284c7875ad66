/** Tries migrations again that have failed: without its Job, the controller makes it anew. */
import type { KubeClient } from '../api/kube-client.ts';
import { RESOURCE_TYPES } from '../api/kube-object.ts';
import { APP_LABEL } from '../objects/names.ts';
import { conditionOf, type Job } from '../observe/kinds.ts';
import type { AppRef } from './app-access.ts';

/** Removes the Jobs that have failed, and no other. @returns how many there were */
export async function retryMigrations(client: KubeClient, { namespace, name }: AppRef): Promise<number> {
  const labelSelector = `${APP_LABEL}=${name},app.kubernetes.io/name=migrations`;
  const { items } = await client.list<Job>(RESOURCE_TYPES.Job, { namespace, labelSelector });
  const failed = items.filter((job) => conditionOf(job, 'Failed')?.status === 'True');
  for (const { metadata } of failed)
    await client.remove(RESOURCE_TYPES.Job, { namespace, name: metadata.name }, { uid: metadata.uid ?? '' });
  return failed.length;
}
