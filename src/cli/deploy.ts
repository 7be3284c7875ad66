/** `deploy`: brings what the file says to a cluster, and shows how it gets there. */
import { alreadyExists } from '../platform/kubernetes/api/kube-error.ts';
import { applyApp, tryApply } from '../platform/kubernetes/verbs/apply-app.ts';
import { bringFiles, removeOldFiles, tieToApp } from '../platform/kubernetes/verbs/brought-files.ts';
import { bundleOf } from '../platform/kubernetes/verbs/bundle.ts';
import { loadClusterFile } from '../platform/kubernetes/verbs/cluster-file.ts';
import { followApp, type FollowOptions } from './cluster-follow.ts';
import { clusterOf, type Cluster } from './cluster-place.ts';
import { print } from './output.ts';
import type { VerbContext } from './verb-context.ts';

export interface DeployOptions extends FollowOptions {
  readonly createNamespace?: boolean;
  /** Overrules what others have set in the App. */
  readonly force?: boolean;
}

/** @returns 0 when everything is ready, 1 when it does not get there */
export async function deploy(options: DeployOptions, context: VerbContext): Promise<number> {
  const cluster = await clusterOf(options, context);
  const { client, namespace } = cluster;
  const { ref, spec, files } = await bundleOf(await loadClusterFile(options.app, context.cwd), namespace);
  const application = { ref, spec, force: options.force === true };
  if (options.createNamespace === true) await createNamespace(cluster);
  await tryApply(client, application);
  if (files !== undefined) await bringFiles(client, files);
  const object = await applyApp(client, application);
  if (files !== undefined) await tieToApp(client, files, object);
  await removeOldFiles(client, object);
  print(
    context,
    `${ref.name} is deployed to ${namespace}, generation ${object.metadata.generation ?? 1}`,
    'stderr',
  );
  return followApp({ client, ref }, object, options, context);
}

async function createNamespace({ client, namespace }: Cluster): Promise<void> {
  try {
    await client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  } catch (error) {
    if (!alreadyExists(error)) throw error;
  }
}
