/**
 * The few verbs of the Kubernetes API that Holdfast needs
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/). Every write can carry a precondition, by
 * `metadata.resourceVersion` (and `uid`) of the object: it is refused with a conflict if that has changed.
 * Objects are given without `managedFields`.
 */
import type { KubeConnection } from './connection.ts';
import type { ExchangeRequest, RequestOptions } from './exchange.ts';
import { isNotFound, KubeUnreachable, parseObject, refusal } from './kube-error.ts';
import {
  collectionPath,
  keyOf,
  objectPath,
  typeOf,
  type KubeObject,
  type ObjectRef,
  type ResourceType,
} from './kube-object.ts';
import { readList, type KubeList, type Selector } from './list.ts';
import { withoutManagedFields } from './managed-fields.ts';
import { Transport, type RawResponse } from './transport.ts';

export interface KubeClientOptions {
  readonly userAgent: string;
  /** The name under which the fields that we set are known (server-side apply's field manager). */
  readonly manager: string;
}

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Everything is checked, nothing is kept. */
  readonly dryRun?: boolean;
}

export interface PatchOptions extends WriteOptions {
  readonly subresource?: string;
}

export interface RemoveOptions {
  readonly signal?: AbortSignal | undefined;
  /** Preconditions: only this object, only this version of it; otherwise a conflict. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  /** What becomes of its dependants; default Background: they are deleted after it. */
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
}

/** What became of an eviction: `refused` means that a PodDisruptionBudget does not allow it now. */
export type Eviction = 'evicted' | 'gone' | 'refused';

/** For messages: `attempt` completes "Cannot ...". */
interface Attempt {
  readonly attempt: string;
  readonly type: ResourceType;
}

/** How an object is sent. */
interface Write<T> extends WriteOptions {
  readonly object: T;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly verb: string;
}

export class KubeClient {
  readonly #transport: Transport;
  readonly #manager: string;
  /** Where the user works unless told otherwise. */
  readonly namespace: string;
  /** The API server's URL, for messages. */
  readonly server: string;

  constructor(connection: KubeConnection, { userAgent, manager }: KubeClientOptions) {
    this.#transport = new Transport(connection, userAgent);
    this.#manager = manager;
    this.namespace = connection.namespace;
    this.server = connection.server;
  }

  /** @returns undefined when there is no such object; that its type is unknown is an error */
  async get<T extends KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    signal?: AbortSignal,
  ): Promise<T | undefined> {
    const path = objectPath(type, ref);
    const response = await this.#transport.sendPatiently({ method: 'GET', path, signal });
    try {
      return readObject(response, { attempt: `read ${named(type, ref)}`, type }) as T;
    } catch (error) {
      if (isNotFound(error) && error.reason === 'NotFound') return undefined;
      throw error;
    }
  }

  /** All objects of a type, in one namespace or everywhere, read in pages. */
  async list<T extends KubeObject>(
    type: ResourceType,
    selector: Selector = {},
    signal?: AbortSignal,
  ): Promise<KubeList<T>> {
    return readList<T>(type, selector, (path) =>
      this.#transport.sendPatiently({ method: 'GET', path, signal }),
    );
  }

  /** @throws KubeApiError (alreadyExists) when there is one of this name */
  async create<T extends KubeObject>(object: T, options: WriteOptions = {}): Promise<T> {
    const type = typeOf(object);
    const path = collectionPath(type, object.metadata.namespace);
    return this.#write({ ...options, object, method: 'POST', path, verb: 'create' });
  }

  /**
   * Server-side apply: the fields given are ours, whoever had them; those given before and no longer are
   * removed; all others stay (https://kubernetes.io/docs/reference/using-api/server-side-apply/).
   */
  async apply<T extends KubeObject>(object: T, options: WriteOptions = {}): Promise<T> {
    const path = objectPath(typeOf(object), object.metadata);
    const query = { force: 'true' };
    const contentType = 'application/apply-patch+yaml';
    return this.#write({ ...options, object, method: 'PATCH', path, query, contentType, verb: 'apply' });
  }

  /** The whole object; `metadata.resourceVersion` should be there, or somebody's change is overwritten. */
  async replace<T extends KubeObject>(object: T, options: WriteOptions = {}): Promise<T> {
    const path = objectPath(typeOf(object), object.metadata);
    return this.#write({ ...options, object, method: 'PUT', path, verb: 'replace' });
  }

  /** As replace; only `status` counts. */
  async replaceStatus<T extends KubeObject>(object: T, options: WriteOptions = {}): Promise<T> {
    const path = objectPath(typeOf(object), object.metadata, 'status');
    return this.#write({ ...options, object, method: 'PUT', path, verb: 'replace the status of' });
  }

  /** JSON merge patch (RFC 7386): null removes; `metadata.resourceVersion` in it is the precondition. */
  async mergePatch<T extends KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    patch: object,
    { subresource, dryRun, signal }: PatchOptions = {},
  ): Promise<T> {
    const request: ExchangeRequest = {
      method: 'PATCH',
      path: withQuery(objectPath(type, ref, subresource), this.#writeQuery(dryRun)),
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify(patch),
      signal,
    };
    const attempt = `change ${named(type, ref)}`;
    return readObject(await this.#transport.sendPatiently(request), { attempt, type }) as T;
  }

  /** Deletes; that it is not there is fine. */
  async remove(type: ResourceType, ref: ObjectRef, options: RemoveOptions = {}): Promise<void> {
    const { signal, uid, resourceVersion, propagation = 'Background', gracePeriodSeconds } = options;
    const preconditions = { uid, resourceVersion };
    const body = { propagationPolicy: propagation, gracePeriodSeconds, preconditions };
    const request = { ...jsonRequest('DELETE', objectPath(type, ref), body), signal };
    const { status, body: answer } = await this.#transport.sendPatiently(request);
    if (status >= 300 && status !== 404) throw refusal(`delete ${named(type, ref)}`, status, answer, type);
  }

  /** Asks for a pod's end as a drain does, so that disruption budgets are kept (policy/v1 Eviction). */
  async evict(pod: ObjectRef & { readonly uid?: string }, signal?: AbortSignal): Promise<Eviction> {
    const path = objectPath(typeOf({ apiVersion: 'v1', kind: 'Pod' }), pod, 'eviction');
    const body = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod.name, namespace: pod.namespace },
      deleteOptions: pod.uid === undefined ? undefined : { preconditions: { uid: pod.uid } },
    };
    const response = await this.#transport.send({ ...jsonRequest('POST', path, body), signal });
    if (response.status < 300) return 'evicted';
    if (response.status === 404) return 'gone';
    if (response.status === 429) return 'refused';
    throw refusal(`evict pod ${keyOf(pod)}`, response.status, response.body);
  }

  /** One request as it is, and its answer whatever its status. */
  async raw(method: string, path: string, options: RequestOptions = {}): Promise<RawResponse> {
    return this.#transport.send({ ...options, method, path });
  }

  /**
   * What a path gives as it comes: logs, a watch. `onOpen` is called when the server has agreed.
   * @throws KubeApiError when the status is not 2xx
   */
  stream(path: string, signal?: AbortSignal, onOpen?: () => void): AsyncGenerator<Buffer, void> {
    return this.#transport.stream(path, { signal, onOpen });
  }

  /** Closes unused connections. */
  close(): void {
    this.#transport.close();
  }

  #writeQuery(dryRun: boolean | undefined): Readonly<Record<string, string>> {
    return { fieldManager: this.#manager, ...(dryRun === true ? { dryRun: 'All' } : {}) };
  }

  async #write<T extends KubeObject>(write: Write<T>): Promise<T> {
    const { object, method, path, query, verb, contentType = 'application/json', dryRun, signal } = write;
    const type = typeOf(object);
    const request: ExchangeRequest = {
      method,
      path: withQuery(path, { ...this.#writeQuery(dryRun), ...query }),
      headers: { 'content-type': contentType },
      body: JSON.stringify(withoutManagedFields(object)),
      signal,
    };
    const attempt = `${verb} ${named(type, object.metadata)}`;
    return readObject(await this.#transport.sendPatiently(request), { attempt, type }) as T;
  }
}

function jsonRequest(method: string, path: string, body: object): ExchangeRequest {
  return { method, path, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  return `${path}?${new URLSearchParams(query).toString()}`;
}

function named({ kind }: ResourceType, ref: ObjectRef): string {
  return `${kind} ${keyOf(ref)}`;
}

function readObject({ status, body }: RawResponse, { attempt, type }: Attempt): KubeObject {
  if (status >= 300) throw refusal(attempt, status, body, type);
  const object = parseObject(body.toString());
  if (object === undefined) throw new KubeUnreachable(`Cannot ${attempt}: the answer is not a JSON object`);
  return withoutManagedFields(object as unknown as KubeObject);
}
