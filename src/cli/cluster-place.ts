/** Which cluster, namespace and App a verb is about. */
import { readFile } from 'node:fs/promises';
import { UserError } from '../app/failure.ts';
import { loadApp, locateApp } from '../app/load.ts';
import { valueAt } from '../app/raw-value.ts';
import { readYaml } from '../app/yaml-text.ts';
import { KubeClient } from '../platform/kubernetes/api/kube-client.ts';
import { kubeconfigConnection } from '../platform/kubernetes/api/kubeconfig.ts';
import { appNames, type AppRef } from '../platform/kubernetes/verbs/app-access.ts';
import { MANAGER } from '../platform/kubernetes/verbs/field-managers.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';
import { version } from './version.ts';

/** Stands for the current context of the kubeconfig. */
const CURRENT = '.';

export interface Cluster {
  readonly client: KubeClient;
  readonly namespace: string;
}

export interface ClusterPlace {
  readonly client: KubeClient;
  readonly ref: AppRef;
}

/** @throws UserError without `--context`, or when the kubeconfig does not have it */
export async function clusterOf(options: CommonOptions, { env }: VerbContext): Promise<Cluster> {
  if (options.context === undefined)
    throw new UserError('this is done on a cluster; name its context: --context NAME, or --context .');
  const context = options.context === CURRENT ? undefined : options.context;
  const connection = await kubeconfigConnection({ env, context });
  const client = new KubeClient(connection, { userAgent: `holdfast/${version()}`, manager: MANAGER });
  return { client, namespace: options.namespace ?? client.namespace };
}

/** The App that the nearest file names; without a file the only one of the namespace. */
export async function clusterPlaceOf(options: CommonOptions, context: VerbContext): Promise<ClusterPlace> {
  const { client, namespace } = await clusterOf(options, context);
  const name = (await nameInFile(options, context)) ?? (await onlyName(client, namespace));
  return { client, ref: { namespace, name } };
}

/** A file that is wrong elsewhere names its App all the same. */
async function nameInFile({ app }: CommonOptions, { cwd }: VerbContext): Promise<string | undefined> {
  const file = await locateApp(app, cwd).then(
    (location) => location.file,
    (error: unknown) => {
      if (app === undefined && error instanceof UserError) return undefined;
      throw error;
    },
  );
  if (file === undefined) return undefined;
  const text = await readFile(file, 'utf8').catch(() => '');
  const name = valueAt(readYaml(text).data, 'name');
  return typeof name === 'string' ? name : (await loadApp(file, cwd)).app.name;
}

async function onlyName(client: KubeClient, namespace: string): Promise<string> {
  const names = await appNames(client, namespace);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  throw new UserError(
    only === undefined
      ? `there is no holdfast.yaml here, and no App in the namespace "${namespace}"`
      : `there are several Apps in the namespace "${namespace}": ${names.join(', ')}. Name the file of one with --app PATH.`,
  );
}
