/** Whether the user may do what the verbs do (authorization.k8s.io/v1 SelfSubjectAccessReview). */
import { valueAt } from '../../../app/raw-value.ts';
import type { KubeClient } from '../api/kube-client.ts';
import { RESOURCE_TYPES, type KubeObject } from '../api/kube-object.ts';

/** What `deploy` and the verbs after it need, in the namespace of the application. */
const RIGHTS: readonly (readonly [group: string, resource: string, verbs: readonly string[]])[] = [
  ['holdfast.dev', 'apps', ['get', 'list', 'create', 'patch']],
  ['', 'configmaps', ['get', 'list', 'create', 'patch', 'delete']],
  ['apps', 'deployments', ['list']],
  ['batch', 'jobs', ['list', 'delete']],
  ['', 'pods', ['list', 'watch']],
  ['', 'pods/log', ['get']],
];

/** Those that the user does not have: `create apps`. */
export async function missingRights(client: KubeClient, namespace: string): Promise<string[]> {
  const questions = RIGHTS.flatMap(([group, resource, verbs]) =>
    verbs.map(async (verb) => {
      const [name = '', subresource] = resource.split('/');
      const resourceAttributes = { namespace, group, verb, resource: name, subresource };
      return (await isAllowed(client, resourceAttributes)) ? [] : [`${verb} ${resource}`];
    }),
  );
  return (await Promise.all(questions)).flat();
}

async function isAllowed(client: KubeClient, resourceAttributes: object): Promise<boolean> {
  const { apiVersion, kind } = RESOURCE_TYPES.SelfSubjectAccessReview;
  const review = { apiVersion, kind, metadata: { name: '' }, spec: { resourceAttributes } };
  return valueAt(await client.create<KubeObject>(review), 'status', 'allowed') === true;
}
