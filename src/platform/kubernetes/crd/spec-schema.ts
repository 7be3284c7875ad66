/** The schema of what a cluster runs: that of the file, and every service has an image. */
import { appJsonSchema } from '../../../app/json-schema.ts';
import { SPEC_RULES } from './spec-rules.ts';
import { structuralSchema, type FileSchema } from './structural-schema.ts';

/** JSON Schema draft-07 of a file that can run on a cluster. */
export function clusterFileSchema(): FileSchema {
  const schema = appJsonSchema() as FileSchema;
  const { services } = schema.properties ?? {};
  if (services === undefined || typeof services.additionalProperties !== 'object')
    throw new TypeError('the schema of the file has no map of services');
  const { anyOf: _runOrImage, ...service } = services.additionalProperties;
  const withImage = { ...service, required: [...(service.required ?? []), 'image'] };
  return {
    ...schema,
    properties: { ...schema.properties, services: { ...services, additionalProperties: withImage } },
  };
}

/** The structural schema of an App's `spec`. */
export function specSchema(): object {
  return structuralSchema(clusterFileSchema(), SPEC_RULES);
}
