/** The definition of the App resource: `holdfast.yaml` as the spec of a Kubernetes object. */
import { NAME_RULE } from './spec-rules.ts';
import { specSchema } from './spec-schema.ts';
import { statusSchema } from './status-schema.ts';

export const APP_GROUP = 'holdfast.dev';
export const APP_VERSION = 'v1alpha1';

/** The CustomResourceDefinition (apiextensions.k8s.io/v1) of apps.holdfast.dev. */
export function appCustomResourceDefinition(): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `apps.${APP_GROUP}` },
    spec: {
      group: APP_GROUP,
      names: { kind: 'App', listKind: 'AppList', plural: 'apps', singular: 'app', categories: ['all'] },
      scope: 'Namespaced',
      versions: [
        {
          name: APP_VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: COLUMNS,
          schema: { openAPIV3Schema: appSchema() },
        },
      ],
    },
  };
}

const COLUMNS = [
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Status', type: 'string', jsonPath: '.status.state' },
  { name: 'URL', type: 'string', jsonPath: '.status.url' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  {
    name: 'Message',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].message',
    priority: 1,
  },
];

function appSchema(): object {
  return {
    type: 'object',
    description: 'An application that Holdfast runs on this cluster.',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'The version of this schema.' },
      kind: { type: 'string', description: 'App.' },
      metadata: { type: 'object' },
      spec: specSchema(),
      // Without a status yet it must not look as if everything were done: no generation has been looked at.
      status: { ...statusSchema(), default: { observedGeneration: 0 } },
    },
    'x-kubernetes-validations': [NAME_RULE],
  };
}
