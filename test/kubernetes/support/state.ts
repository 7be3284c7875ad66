/** What an application comes to on the cluster, in a form that can be compared: with later, and with another namespace. */
import { RESOURCE_TYPES, type KubeObject } from '../../../src/platform/kubernetes/api/kube-object.ts';
import { Informer } from '../../../src/platform/kubernetes/api/informer.ts';
import { OWNED_KINDS } from '../../../src/platform/kubernetes/cluster-view.ts';
import type { Secret } from '../../../src/platform/kubernetes/observe/kinds.ts';
import type { Community } from './community.ts';
import type { Holdfast } from './holdfast.ts';

const APP = 'holdfast.dev/app=community';

/** Digests of what differs between two applications that are the same, and what others write. */
const LOOSE_ANNOTATIONS = /^(holdfast\.dev\/(applied|template|pod)|deployment\.kubernetes\.io\/.*)$/;
/** Where times, addresses and names of pods stand, and the words in which the spec was written. */
const LOOSE_KEYS = new Set([
  'status',
  'clusterIP',
  'clusterIPs',
  'ipFamilies',
  'creationTimestamp',
  'uid',
  'table',
  'history',
  'inForce',
  'accepted',
]);

export type State = Readonly<Record<string, unknown>>;

/** Everything that the controller has made of the App, by kind and name; of Secrets only their keys. */
export async function stateOf(app: Community): Promise<State> {
  const objects = (await ownedObjects(app)).filter(({ kind }) => kind !== 'Job');
  const entries = objects.map((object) => [
    `${object.kind}/${object.metadata.name}`,
    contentOf(object, app.namespace),
  ]);
  return Object.fromEntries(entries) as State;
}

/** The objects of the application; pods are not among them. */
export async function ownedObjects({ client, namespace }: Community): Promise<KubeObject[]> {
  const lists = OWNED_KINDS.map((kind) =>
    client.list(RESOURCE_TYPES[kind], { namespace, labelSelector: APP }),
  );
  return (await Promise.all(lists)).flatMap(({ items }) => items);
}

/** Versions of the objects that only the controller writes, the App included: a write of anybody's shows. */
export async function versionsOf(app: Community): Promise<Map<string, string>> {
  const object = await app.get(RESOURCE_TYPES.App, 'community');
  // An autoscaler's status is written again and again by its own controller.
  const own = (await ownedObjects(app)).filter(({ kind }) => kind !== 'HorizontalPodAutoscaler');
  const all = [...own, ...(object === undefined ? [] : [object])];
  return new Map(
    all.map(({ kind, metadata }) => [`${kind}/${metadata.name}`, metadata.resourceVersion ?? '']),
  );
}

function contentOf(object: KubeObject, namespace: string): unknown {
  const { metadata, ...content } = object as KubeObject & { readonly data?: object };
  const { labels, annotations = {}, ownerReferences } = metadata;
  const marks = Object.entries(annotations).filter(([key]) => !LOOSE_ANNOTATIONS.test(key));
  const comparable = {
    ...content,
    ...(object.kind === 'Secret' ? { data: Object.keys(content.data ?? {}).sort() } : {}),
    metadata: { labels, annotations: Object.fromEntries(marks), owners: ownerReferences },
  };
  const text = JSON.stringify(comparable, (key, value: unknown) =>
    LOOSE_KEYS.has(key) || LOOSE_ANNOTATIONS.test(key) ? undefined : value,
  );
  return JSON.parse(text.replaceAll(namespace, 'NAMESPACE'));
}

export interface SecretWatch {
  /** Every content that each Secret of the namespace has had. */
  readonly contents: ReadonlyMap<string, ReadonlySet<string>>;
  end(): void;
}

/** Sees every change of the Secrets that the application must keep. */
export function watchSecrets({ client }: Holdfast, namespace: string): SecretWatch {
  const contents = new Map<string, Set<string>>();
  const ending = new AbortController();
  const options = { type: RESOURCE_TYPES.Secret, namespace, labelSelector: APP, random: Math.random };
  const informer = new Informer<Secret>(client, { ...options, onError: () => undefined });
  informer.onChange((key, secret) => {
    const known = contents.get(key) ?? new Set<string>();
    contents.set(key, known.add(JSON.stringify(secret?.data)));
  });
  void informer.start(ending.signal);
  return { contents, end: () => ending.abort() };
}
