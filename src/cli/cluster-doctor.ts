/** `doctor --context`: what is missing on a cluster, and how to get it. */
import { UserError } from '../app/failure.ts';
import type { App } from '../app/model.ts';
import { locateApp } from '../app/load.ts';
import { checkCluster } from '../platform/kubernetes/verbs/cluster-checks.ts';
import { loadClusterFile } from '../platform/kubernetes/verbs/cluster-file.ts';
import { clusterOf } from './cluster-place.ts';
import type { Finding } from './doctor.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

/** The checks that need to know the application are left out when there is no file. */
export async function clusterFindings(options: CommonOptions, context: VerbContext): Promise<Finding[]> {
  const { client, namespace } = await clusterOf(options, context);
  const { app, finding } = await fileFinding(options, context);
  return [...(await checkCluster({ client, namespace, app })), finding];
}

async function fileFinding(
  options: CommonOptions,
  { cwd }: VerbContext,
): Promise<{ app: App | undefined; finding: Finding }> {
  const check = 'file';
  const location = await locateApp(options.app, cwd).catch(userError);
  if (location instanceof UserError)
    return { app: undefined, finding: { check, ok: options.app === undefined, found: location.message } };
  const read = await loadClusterFile(location.file, cwd).catch(userError);
  if (read instanceof UserError)
    return { app: undefined, finding: { check, ok: false, found: read.message, remedy: 'mend the file' } };
  return { app: read.app, finding: { check, ok: true, found: location.file } };
}

function userError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}
