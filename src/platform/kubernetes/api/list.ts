/** Reading a whole collection in pages, all as of one version of the cluster. */
import { KubeUnreachable, parseObject, refusal } from './kube-error.ts';
import { collectionPath, type KubeObject, type ResourceType } from './kube-object.ts';
import { withoutManagedFields } from './managed-fields.ts';
import type { RawResponse } from './transport.ts';

/** Which objects of a type. */
export interface Selector {
  /** Absent: those of all namespaces. */
  readonly namespace?: string | undefined;
  /** @example 'app.kubernetes.io/part-of=shop' */
  readonly labelSelector?: string | undefined;
  /** @example 'metadata.name=shop' */
  readonly fieldSelector?: string | undefined;
}

export interface KubeList<T> {
  readonly items: T[];
  /** From here on a watch tells what changes. */
  readonly resourceVersion: string;
}

/** Objects in one answer. */
const PAGE = 500;

interface Page {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly KubeObject[] | null;
}

/** Path and query of a collection. */
export function selectionPath(
  type: ResourceType,
  { namespace, labelSelector, fieldSelector }: Selector,
  more: Readonly<Record<string, string>> = {},
): string {
  const query = new URLSearchParams(more);
  if (labelSelector !== undefined) query.set('labelSelector', labelSelector);
  if (fieldSelector !== undefined) query.set('fieldSelector', fieldSelector);
  return `${collectionPath(type, namespace)}?${query.toString()}`;
}

/**
 * Reads all pages by `fetch`, which takes a path. When the version of the first page is no longer kept
 * (410), it reads everything again, in one page.
 */
export async function readList<T extends KubeObject>(
  type: ResourceType,
  selector: Selector,
  fetch: (path: string) => Promise<RawResponse>,
): Promise<KubeList<T>> {
  const items: T[] = [];
  let query: Record<string, string> = { limit: String(PAGE) };
  for (;;) {
    const { status, body } = await fetch(selectionPath(type, selector, query));
    if (status === 410 && query['continue'] !== undefined) {
      items.length = 0;
      query = {};
      continue;
    }
    if (status >= 300) throw refusal(`list ${type.plural}`, status, body, type);
    const { metadata, items: some } = readPage(type, body);
    // Items of the built-in lists carry neither apiVersion nor kind.
    for (const item of some ?? []) {
      items.push(withoutManagedFields({ ...item, apiVersion: type.apiVersion, kind: type.kind } as T));
    }
    if ((metadata.continue ?? '') === '') return { items, resourceVersion: metadata.resourceVersion };
    query = { limit: String(PAGE), continue: metadata.continue ?? '' };
  }
}

function readPage(type: ResourceType, body: Buffer): Page {
  const page = parseObject(body.toString());
  if (page?.['metadata'] === undefined || page['items'] === undefined) {
    throw new KubeUnreachable(`Cannot list ${type.plural}: the answer is not a list`);
  }
  return page as unknown as Page;
}
