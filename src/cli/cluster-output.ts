/** `logs` and `status` on a cluster: what containers have written. */
import { UserError } from '../app/failure.ts';
import type { Selector } from '../platform/kubernetes/api/list.ts';
import { APP_LABEL } from '../platform/kubernetes/objects/names.ts';
import { isAbout, type LogLine, type LogSource } from '../platform/kubernetes/verbs/log-source.ts';
import { findLogSources, followPodLogs, lastLogLines } from '../platform/kubernetes/verbs/pod-logs.ts';
import { ClusterControl } from './cluster-control.ts';
import { clusterOf, clusterPlaceOf } from './cluster-place.ts';
import type { LogsOptions } from './logs.ts';
import { print, printJson } from './output.ts';
import { prefixed } from './show-output.ts';
import type { Watched } from './status.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

/** Holdfast's own controller, which looks after all applications. */
const CONTROLLER = 'controller';
const CONTROLLER_SELECTOR = {
  labelSelector: 'app.kubernetes.io/name=holdfast,app.kubernetes.io/component=controller',
};

/** What `status` looks at with `--context`. */
export async function watchedOnCluster(options: CommonOptions, context: VerbContext): Promise<Watched> {
  const place = await clusterPlaceOf(options, context);
  const control = new ClusterControl(place);
  const { client, ref } = place;
  return {
    look: async () => (await control.look()).status,
    async lastOutput(id, count) {
      const sources = await findLogSources(client, selectorOf(ref.namespace, ref.name));
      const lines = sources
        .filter((source) => isAbout(source, id))
        .map((source) => lastLogLines(client, source, count));
      return (await Promise.all(lines)).flat().map(({ text }) => text);
    },
  };
}

/** @param about a service, a pod, a container `POD/CONTAINER`, database, router, migrations or controller */
export async function clusterLogs(
  about: string | undefined,
  options: LogsOptions,
  context: VerbContext,
): Promise<number> {
  const { client, selector, wants } = await chosen(about, options, context);
  const write = (line: LogLine): void => {
    if (options.json === true) printJson(context, line);
    else context.stdout.write(`${prefixed(line, context.stdout)}\n`);
  };
  const { lines: count, follow } = options;
  const sources = await findLogSources(client, selector);
  if (!sources.some(wants)) throw nothingOf(about, sources);
  if (follow === true) {
    const onError = (error: unknown): void => print(context, `holdfast: ${String(error)}`, 'stderr');
    const signal = context.interrupted;
    await followPodLogs(client, { selector, wants, count, onLine: write, onError, signal });
    return 0;
  }
  for (const source of sources.filter(wants))
    for (const line of await lastLogLines(client, source, count)) write(line);
  return 0;
}

interface Choice {
  readonly client: Awaited<ReturnType<typeof clusterOf>>['client'];
  readonly selector: Selector;
  readonly wants: (source: LogSource) => boolean;
}

async function chosen(
  about: string | undefined,
  options: CommonOptions,
  context: VerbContext,
): Promise<Choice> {
  if (about === CONTROLLER) {
    const { client } = await clusterOf(options, context);
    return { client, selector: CONTROLLER_SELECTOR, wants: () => true };
  }
  const { client, ref } = await clusterPlaceOf(options, context);
  const selector = selectorOf(ref.namespace, ref.name);
  return { client, selector, wants: (source) => isAbout(source, about) };
}

function selectorOf(namespace: string, app: string): Selector {
  return { namespace, labelSelector: `${APP_LABEL}=${app}` };
}

function nothingOf(about: string | undefined, sources: readonly LogSource[]): UserError {
  const there = [...new Set(sources.flatMap(({ part, id }) => [part, id]))].join(', ');
  if (there === '') return new UserError('nothing of it runs there yet');
  return new UserError(`no output of "${about ?? ''}"; there is ${there}`);
}
