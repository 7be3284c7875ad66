/**
 * Writes what the charts have from the schema of the file: the values of `app` and the definition of App.
 * Run it with node after a change of the schema; a test fails when they are stale.
 */
import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { appCustomResourceDefinition } from '../src/platform/kubernetes/crd/app-definition.ts';
import { clusterFileSchema } from '../src/platform/kubernetes/crd/spec-schema.ts';
import type { FileSchema } from '../src/platform/kubernetes/crd/structural-schema.ts';

const BY = 'Written by scripts/charts.ts.';

/** JSON Schema of the values of the chart `app`: a file for a cluster, and `global`. */
export function appValuesSchema(): string {
  const schema = withoutConditions(clusterFileSchema());
  const values = {
    ...schema,
    $comment: BY,
    title: 'Values of the chart app: a holdfast.yaml',
    properties: { ...schema.properties, global: GLOBAL },
  };
  return `${JSON.stringify(values, undefined, 2)}\n`;
}

/** Helm has no words for a condition that fails, so the chart's templates check them. */
function withoutConditions(schema: FileSchema): FileSchema {
  const { oneOf: _oneOf, anyOf: _anyOf, not: _not, ...rest } = schema;
  const { properties, additionalProperties: values, items } = rest;
  return {
    ...rest,
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([key, child]) => [key, withoutConditions(child)]),
          ),
        }),
    ...(typeof values === 'object' ? { additionalProperties: withoutConditions(values) } : {}),
    ...(items === undefined ? {} : { items: withoutConditions(items) }),
  };
}

/** The definition of App as a template of Helm. */
export function definitionTemplate(): string {
  const definition = appCustomResourceDefinition() as { metadata: object };
  const metadata = { ...definition.metadata, annotations: { 'helm.sh/resource-policy': 'keep' } };
  const text = stringify({ ...definition, metadata }, { lineWidth: 0, aliasDuplicateObjects: false });
  const labels = '  labels: {{- include "holdfast.labels" . | nindent 4 }}\n';
  return [
    `{{- /* ${BY} */ -}}\n{{- if .Values.crd.install -}}\n`,
    escaped(text).replace('  annotations:\n', `${labels}  annotations:\n`),
    '{{- end }}\n',
  ].join('');
}

/** Text in which Helm finds no actions. */
function escaped(text: string): string {
  return text.replaceAll('{{', '{{ "{{" }}');
}

/** What belongs to the chart and not to the file; other charts have their own keys beside `holdfast`. */
const GLOBAL = {
  type: 'object',
  description: 'What is not part of holdfast.yaml.',
  properties: {
    holdfast: {
      type: 'object',
      additionalProperties: false,
      properties: {
        image: {
          type: 'object',
          description: 'The image of Holdfast.',
          additionalProperties: false,
          properties: {
            repository: { type: 'string', minLength: 1 },
            tag: { type: 'string', pattern: '^[A-Za-z0-9_.-]*$' },
            digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
            pullPolicy: { type: 'string', enum: ['Always', 'IfNotPresent', 'Never'] },
          },
        },
        waitSeconds: {
          type: 'integer',
          description: 'How long the application may take until it is ready; 0: does not wait.',
          minimum: 0,
          maximum: 86_400,
        },
        deleteData: {
          type: 'boolean',
          description: 'Whether volumes and passwords go with the application.',
        },
      },
    },
  },
};

/** The files by their paths, relative to the repository. */
export function chartFiles(): Record<string, string> {
  return {
    'charts/app/values.schema.json': appValuesSchema(),
    'charts/holdfast/templates/crd.yaml': definitionTemplate(),
  };
}

if (import.meta.main)
  for (const [file, text] of Object.entries(chartFiles()))
    writeFileSync(new URL(`../${file}`, import.meta.url), text);
