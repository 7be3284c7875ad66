/** The example as an application of its own: its migrations are files beside it, and instances leave quickly. */
import { readdir, readFile } from 'node:fs/promises';
import { AppFolder, type Result } from '../support/app-folder.ts';
import type { TestCluster } from '../kubernetes/support/cluster.ts';

const example = new URL('../../examples/community/', import.meta.url);

/** The longest that one verb may take: a release whose instances do not get ready; ms. */
const VERB_TIMEOUT_MS = 180_000;

/** A folder in which verbs act on the cluster. */
export async function shopFolder({ kubeconfig }: TestCluster): Promise<AppFolder> {
  const text = await readFile(new URL('holdfast.yaml', example), 'utf8');
  const yaml = text
    .replace(/\n +image: localhost\/community\/migrations.*/, '')
    .replaceAll('start: 30s', 'start: 15s')
    .replace('drain: 30s', 'drain: 5s');
  return AppFolder.create(yaml, { files: await migrations(), env: { KUBECONFIG: kubeconfig } });
}

async function migrations(): Promise<Record<string, string>> {
  const folder = new URL('migrations/', example);
  const files = (await readdir(folder)).map(async (file) => [
    `migrations/${file}`,
    await readFile(new URL(file, folder), 'utf8'),
  ]);
  return Object.fromEntries((await Promise.all(files)) as [string, string][]);
}

/** Runs a verb on the cluster, in a namespace. */
export async function onCluster(
  folder: AppFolder,
  namespace: string,
  args: readonly string[],
): Promise<Result> {
  return folder.run([...args, '--context', '.', '--namespace', namespace], VERB_TIMEOUT_MS);
}
