/**
 * The JSON Schemas by which kubeconform judges objects, made from what an API server publishes: of exactly
 * its version, its definitions of custom resources included, and strict, so that a misspelt field is an error.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

type Schema = Readonly<Record<string, unknown>>;

interface Document {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Where kubeconform finds the schema of a kind in a folder. */
export const SCHEMA_LOCATION = '{{ .ResourceKind }}{{ .KindSuffix }}.json';

/** Writes a file for each kind of these groups into `folder`. @param get asks the API server for a path */
export async function writeObjectSchemas(
  folder: string,
  groups: readonly string[],
  get: (path: string) => Promise<string>,
): Promise<void> {
  for (const group of groups) {
    const document = JSON.parse(await get(`/openapi/v3/${group}`)) as Document;
    const components = strict(document.components);
    for (const [name, schema] of Object.entries(document.components.schemas))
      for (const kind of kindsOf(schema)) {
        const text = JSON.stringify({ $ref: `#/components/schemas/${name}`, components });
        await writeFile(join(folder, fileName(kind)), text);
      }
  }
}

function kindsOf(schema: Schema): readonly Kind[] {
  return (schema['x-kubernetes-group-version-kind'] ?? []) as readonly Kind[];
}

/** `kubeconform` takes the group's first part: `deployment-apps-v1.json`, `pod-v1.json`. */
function fileName({ group, version, kind }: Kind): string {
  const parts = [kind, ...(group === '' ? [] : [group.split('.')[0] ?? '']), version];
  return `${parts.join('-').toLowerCase()}.json`;
}

/** Every object whose fields are named has no others. */
function strict(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strict);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, child]) => [key, strict(child)] as const);
  const isClosed =
    'properties' in value &&
    !('additionalProperties' in value) &&
    !('x-kubernetes-preserve-unknown-fields' in value) &&
    !('x-kubernetes-embedded-resource' in value);
  return Object.fromEntries(isClosed ? [...entries, ['additionalProperties', false]] : entries);
}
