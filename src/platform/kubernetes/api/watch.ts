/**
 * A watch: one JSON event a line, until the server ends it
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
 */
import { OperationError } from '../../../app/failure.ts';
import type { KubeClient } from './kube-client.ts';
import { KubeApiError, parseObject, type KubeStatus } from './kube-error.ts';
import type { KubeObject, ResourceType } from './kube-object.ts';
import { lines } from './lines.ts';
import { selectionPath, type Selector } from './list.ts';
import { withoutManagedFields } from './managed-fields.ts';

export interface WatchEvent<T extends KubeObject> {
  /** A BOOKMARK's object has nothing but the version up to which everything has been told. */
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export interface WatchOptions extends Selector {
  /** Events after this version of the collection. */
  readonly resourceVersion: string;
  /** The server ends the watch then; s. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
  /** Called when the server has agreed to it. */
  readonly onOpen?: () => void;
}

/** Yields what happens; returns when the server ended the watch. @throws KubeApiError, isGone to list again */
export async function* watch<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void> {
  const path = selectionPath(type, options, {
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: options.resourceVersion,
    timeoutSeconds: String(options.timeoutSeconds),
  });
  for await (const line of lines(client.stream(path, options.signal, options.onOpen)))
    yield readEvent<T>(type, line);
}

function readEvent<T extends KubeObject>(type: ResourceType, line: string): WatchEvent<T> {
  const event = parseObject(line) as { type?: string; object?: T & KubeStatus } | undefined;
  switch (event?.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      if (event.object?.metadata === undefined) break;
      return { type: event.type, object: withoutManagedFields<T>(event.object) };
    case 'ERROR':
      throw new KubeApiError(`watch ${type.plural}`, event.object?.code ?? 500, event.object ?? {});
    case undefined:
    default:
  }
  throw new OperationError(`Cannot watch ${type.plural}: the API server sent what is not an event`);
}
