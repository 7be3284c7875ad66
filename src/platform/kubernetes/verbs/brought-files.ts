/** Brings migration files into a cluster, ties them to their App, and removes those that nobody needs. */
import type { KubeClient } from '../api/kube-client.ts';
import { alreadyExists } from '../api/kube-error.ts';
import { RESOURCE_TYPES } from '../api/kube-object.ts';
import { ownerOf, type Manifest } from '../objects/manifest.ts';
import { ANNOTATIONS, APP_LABEL, namesOf } from '../objects/names.ts';
import type { AppObject, ConfigMap } from '../observe/kinds.ts';
import { FILES_PART, unreferenced } from './migration-files.ts';

/** One of the same name has the same content. */
export async function bringFiles(client: KubeClient, files: Manifest): Promise<void> {
  try {
    await client.create(files);
  } catch (error) {
    if (!alreadyExists(error)) throw error;
  }
}

/** They go when the App goes; not as the controller's own, which it would remove. */
export async function tieToApp(client: KubeClient, files: Manifest, app: AppObject): Promise<void> {
  const { name, namespace } = files.metadata;
  const ownerReferences = [{ ...ownerOf(app), controller: false, blockOwnerDeletion: false }];
  await client.mergePatch(
    RESOURCE_TYPES.ConfigMap,
    { name, namespace },
    {
      metadata: { ownerReferences },
    },
  );
}

/** Removes the files that neither the App, nor what can be gone back to, nor a running pod refers to. */
export async function removeOldFiles(client: KubeClient, app: AppObject): Promise<void> {
  const { name, namespace = '' } = app.metadata;
  const labelSelector = `${APP_LABEL}=${name},app.kubernetes.io/name=${FILES_PART}`;
  const maps = await client.list<ConfigMap>(RESOURCE_TYPES.ConfigMap, { namespace, labelSelector });
  if (maps.items.length < 2) return;
  const memory = await client.get<ConfigMap>(RESOURCE_TYPES.ConfigMap, {
    namespace,
    name: namesOf(name).memory,
  });
  const own = { namespace, labelSelector: `${APP_LABEL}=${name}` };
  const deployments = await client.list(RESOURCE_TYPES.Deployment, own);
  const texts = [
    JSON.stringify(app.spec),
    ...Object.values(memory?.data ?? {}),
    ...deployments.items.map(({ metadata }) => metadata.annotations?.[ANNOTATIONS.pod] ?? ''),
  ];
  const names = maps.items.map(({ metadata }) => metadata.name);
  for (const old of unreferenced(names, texts))
    await client.remove(RESOURCE_TYPES.ConfigMap, { namespace, name: old });
}
