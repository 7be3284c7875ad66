/** `drain`: holds the end of a pod of a stateful service back until its users have left. */
import { drainSettings } from '../platform/kubernetes/drain/drain-settings.ts';
import { serveDrain } from '../platform/kubernetes/drain/drain-server.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

/** Runs until a signal ends it. It is told everything by its environment, see docs/kubernetes.md. */
export async function drain(_options: CommonOptions, context: VerbContext): Promise<number> {
  const log = (text: string): boolean => context.stdout.write(`${new Date().toISOString()} ${text}\n`);
  await serveDrain(drainSettings(context.env), log, context.interrupted);
  return 0;
}
