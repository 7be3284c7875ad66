/** `router`: one router of an application on a cluster, in a pod of its own. */
import { kubeWatch } from '../platform/kubernetes/router/kube-watch.ts';
import { routerSettings } from '../platform/kubernetes/router/router-settings.ts';
import { runRouter } from '../platform/kubernetes/router/run-router.ts';
import { print } from './output.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

/** Runs until a signal ends it. It is told everything by its environment, see docs/kubernetes.md. */
export async function router(_options: CommonOptions, context: VerbContext): Promise<number> {
  const { interrupted, hurried, env } = context;
  const settings = routerSettings(env);
  const log = (text: string): void => print(context, `${new Date().toISOString()} ${text}`);
  const watch = await kubeWatch(env, settings.namespace, log);
  await runRouter({ settings, watch, log, interrupted, hurried });
  return 0;
}
