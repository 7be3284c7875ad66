/** Where the values of variables come from: a map with exactly one source, told by its key. */
import { z } from 'zod';
import { filePath, label, objectName, text, variableName, wholeNumber } from './schema-terms.ts';

const withKey = { required: ['secret', 'key'] };

function withoutKey(source: string): object {
  return { required: [source], not: { required: ['key'] } };
}

function hasOneSource(source: Readonly<Record<string, unknown>>): boolean {
  const { key, ...sources } = source;
  const [only, ...others] = Object.keys(sources);
  if (only === undefined || others.length > 0) return false;
  if (only === 'secret') return key !== undefined;
  return key === undefined || only === 'service';
}

const sourceShape = {
  value: text('text (a number or true needs quotes)', {})
    .optional()
    .describe('The value itself; for what is no secret.'),
  from: variableName.optional().describe('The variable of the calling shell that has the value.'),
  file: filePath.optional().describe('The file that has the value, relative to the folder of this file.'),
  secret: objectName('the name of a secret')
    .optional()
    .describe('The secret that has the value under `key`; on a machine the folder .holdfast/secrets/SECRET.'),
  key: text('a key: letters, digits, -, _ and .', {
    pattern: /^\.?[A-Za-z0-9_-][A-Za-z0-9._-]*$/,
    longest: 253,
  })
    .optional()
    .describe('The key inside the secret, or the variable of the other service.'),
};

const ENV_SOURCE = 'exactly one of value, generate, from, file, secret with key, service';

/** The source of one environment variable. */
export const envSource = z
  .strictObject(
    {
      ...sourceShape,
      generate: wholeNumber(16, 1024, 'bytes')
        .optional()
        .describe('A random value of so many bytes, made once and kept.'),
      service: label
        .optional()
        .describe('The service that has the same value, under `key` or the same name.'),
    },
    { error: ENV_SOURCE },
  )
  .refine(hasOneSource, { error: ENV_SOURCE })
  .meta({
    description: 'Where the value of the variable comes from.',
    oneOf: [...['value', 'generate', 'from', 'file'].map(withoutKey), withKey, { required: ['service'] }],
  });

const URL_SOURCE = 'exactly one of value, from, file, secret with key';

/** The source of the URL of a server that Holdfast does not run. */
export const urlSource = z
  .strictObject(sourceShape, { error: URL_SOURCE })
  .refine(hasOneSource, { error: URL_SOURCE })
  .meta({
    description: 'Where the URL of your own server comes from, for example { from: DATABASE_URL }.',
    oneOf: [...['value', 'from', 'file'].map(withoutKey), withKey],
  });

export type EnvSource = z.output<typeof envSource>;
