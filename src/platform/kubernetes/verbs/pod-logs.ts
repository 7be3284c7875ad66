/**
 * The output of containers, read through the API server. Following goes on over restarts of containers and
 * broken connections, from the last line that was seen; pods that come are taken up, those that go let go.
 */
import { Informer } from '../api/informer.ts';
import type { KubeClient } from '../api/kube-client.ts';
import { refusal } from '../api/kube-error.ts';
import { keyOf, RESOURCE_TYPES } from '../api/kube-object.ts';
import type { Selector } from '../api/list.ts';
import type { Pod } from '../observe/kinds.ts';
import { ContainerTail } from './container-tail.ts';
import { logPath, logSources, type LogLine, type LogSource } from './log-source.ts';

/** The containers of the selected pods, the oldest pod first. */
export async function findLogSources(client: KubeClient, selector: Selector): Promise<LogSource[]> {
  const { items } = await client.list<Pod>(RESOURCE_TYPES.Pod, selector);
  const age = ({ metadata }: Pod): string => `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
  return items.toSorted((a, b) => (age(a) < age(b) ? -1 : 1)).flatMap(logSources);
}

/** The last lines of a container; none of one that is gone, or has not been started. */
export async function lastLogLines(client: KubeClient, source: LogSource, count: number): Promise<LogLine[]> {
  if (!source.started || count === 0) return [];
  const { status, body } = await client.raw('GET', logPath(source, { tailLines: String(count) }));
  // Between looking at the pod and asking, its container may have gone.
  if (status === 404 || status === 400) return [];
  if (status >= 300) throw refusal(`read the output of ${source.id}`, status, body);
  const text = body.toString();
  const found = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
  return text === '' ? [] : found.map((line) => ({ id: source.id, text: line }));
}

export interface Following {
  readonly selector: Selector;
  readonly wants: (source: LogSource) => boolean;
  /** How many lines of what is there already to begin with. */
  readonly count: number;
  readonly onLine: (line: LogLine) => void;
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Calls `onLine` for each line until the signal is aborted. */
export async function followPodLogs(client: KubeClient, following: Following): Promise<void> {
  const { selector, wants, count, onLine, onError, signal } = following;
  const informer = new Informer<Pod>(client, {
    ...selector,
    type: RESOURCE_TYPES.Pod,
    random: Math.random,
    onError,
  });
  const tails = new Map<string, Promise<void>>();
  const begin = (pod: Pod, tailLines: number | undefined): void => {
    for (const source of logSources(pod).filter(wants)) {
      const key = `${pod.metadata.uid ?? ''}/${source.container}`;
      if (tails.has(key) || !source.started) continue;
      const find = (): LogSource | undefined => sourceIn(informer.get(keyOf(pod.metadata)), source, pod);
      const tail = new ContainerTail(client, { find, tailLines, onLine, onError });
      tails.set(key, tail.follow(signal));
    }
  };
  const ended = informer.start(signal);
  try {
    await informer.synced;
    for (const pod of informer.all()) begin(pod, count);
    informer.onChange((_, pod) => {
      if (pod !== undefined) begin(pod, undefined);
    });
    await ended;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  await Promise.all(tails.values());
}

/** The container as it is now, if its pod is still there and not another one of the same name. */
function sourceIn(pod: Pod | undefined, source: LogSource, before: Pod): LogSource | undefined {
  if (pod === undefined || pod.metadata.uid !== before.metadata.uid) return undefined;
  return logSources(pod).find(({ container }) => container === source.container);
}
