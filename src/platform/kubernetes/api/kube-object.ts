/**
 * What every Kubernetes object has, and the types of object that Holdfast uses with the address of each in
 * the API (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris).
 */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** In an object that is written: the write is refused (409) unless this is the version in force. */
  readonly resourceVersion?: string;
  readonly uid?: string;
  readonly generation?: number;
  /** RFC 3339, as are all times. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
}

/** Any object; interfaces of single kinds extend this one. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

export interface ResourceType {
  /** `v1` or `group/version`. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Names one object of a type; `namespace` is absent for a type that is not namespaced. */
export interface ObjectRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

function namespaced(apiVersion: string, kind: string, plural: string): ResourceType {
  return { apiVersion, kind, plural, namespaced: true };
}

function ofCluster(apiVersion: string, kind: string, plural: string): ResourceType {
  return { apiVersion, kind, plural, namespaced: false };
}

/** The types that Holdfast uses, by kind. */
export const RESOURCE_TYPES = {
  App: namespaced('holdfast.dev/v1alpha1', 'App', 'apps'),
  Deployment: namespaced('apps/v1', 'Deployment', 'deployments'),
  ReplicaSet: namespaced('apps/v1', 'ReplicaSet', 'replicasets'),
  StatefulSet: namespaced('apps/v1', 'StatefulSet', 'statefulsets'),
  ControllerRevision: namespaced('apps/v1', 'ControllerRevision', 'controllerrevisions'),
  Job: namespaced('batch/v1', 'Job', 'jobs'),
  Pod: namespaced('v1', 'Pod', 'pods'),
  Service: namespaced('v1', 'Service', 'services'),
  ConfigMap: namespaced('v1', 'ConfigMap', 'configmaps'),
  Secret: namespaced('v1', 'Secret', 'secrets'),
  ServiceAccount: namespaced('v1', 'ServiceAccount', 'serviceaccounts'),
  PersistentVolumeClaim: namespaced('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  Role: namespaced('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  RoleBinding: namespaced('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings'),
  PodDisruptionBudget: namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  HorizontalPodAutoscaler: namespaced(
    'autoscaling/v2',
    'HorizontalPodAutoscaler',
    'horizontalpodautoscalers',
  ),
  Ingress: namespaced('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  NetworkPolicy: namespaced('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  EndpointSlice: namespaced('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices'),
  Event: namespaced('events.k8s.io/v1', 'Event', 'events'),
  Lease: namespaced('coordination.k8s.io/v1', 'Lease', 'leases'),
  Node: ofCluster('v1', 'Node', 'nodes'),
  Namespace: ofCluster('v1', 'Namespace', 'namespaces'),
  StorageClass: ofCluster('storage.k8s.io/v1', 'StorageClass', 'storageclasses'),
  CustomResourceDefinition: ofCluster(
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    'customresourcedefinitions',
  ),
  APIService: ofCluster('apiregistration.k8s.io/v1', 'APIService', 'apiservices'),
  SelfSubjectAccessReview: ofCluster(
    'authorization.k8s.io/v1',
    'SelfSubjectAccessReview',
    'selfsubjectaccessreviews',
  ),
} as const satisfies Record<string, ResourceType>;

/** The type of an object. @throws Error for a type that is not in RESOURCE_TYPES: that is a bug */
export function typeOf(object: Pick<KubeObject, 'apiVersion' | 'kind'>): ResourceType {
  const types: Readonly<Record<string, ResourceType>> = RESOURCE_TYPES;
  const type = Object.hasOwn(types, object.kind) ? types[object.kind] : undefined;
  if (type?.apiVersion !== object.apiVersion) {
    throw new Error(`No resource type is known for ${object.apiVersion} ${object.kind}`);
  }
  return type;
}

/**
 * The path of a type's collection: of one namespace, or, without one, of the cluster.
 * @example collectionPath(RESOURCE_TYPES.Pod, 'shop') // '/api/v1/namespaces/shop/pods'
 */
export function collectionPath(type: ResourceType, namespace?: string): string {
  const root = type.apiVersion.includes('/') ? `/apis/${type.apiVersion}` : `/api/${type.apiVersion}`;
  const scope =
    type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${type.plural}`;
}

/** The path of one object. @throws Error when the type is namespaced and no namespace is given: a bug */
export function objectPath(type: ResourceType, { namespace, name }: ObjectRef, subresource?: string): string {
  if (type.namespaced && namespace === undefined) throw new Error(`${type.kind} ${name} needs a namespace`);
  const path = `${collectionPath(type, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** What an object is known by in an informer and a queue: `namespace/name`, or `name` without a namespace. */
export function keyOf({ namespace, name }: ObjectRef): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The opposite of keyOf. */
export function refOf(key: string): ObjectRef {
  const slash = key.indexOf('/');
  return slash === -1 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
