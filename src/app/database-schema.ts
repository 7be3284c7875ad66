/** The schema of the database and of the migrations. */
import { z } from 'zod';
import { resources } from './resources-schema.ts';
import { filePath, group, imageName, objectName, size, text } from './schema-terms.ts';
import { urlSource } from './value-source.ts';

export const database = group('topology and more', {
  topology: z
    .enum(['single', 'external'], { error: 'single or external' })
    .describe('single: one MariaDB that Holdfast runs; external: your own server.'),
  name: text('a name of at most 64 letters, digits and _, not one of the server itself', {
    pattern: /^[A-Za-z0-9_]+$/,
    longest: 64,
  })
    .refine(isFreeDatabaseName, { error: 'another name: the server itself has a database of this name' })
    .optional()
    .describe('The name of the database; by default that of the application, with _ for -.'),
  memory: size('8Mi', '1024Gi', '128Mi').describe('The memory for cached data (InnoDB buffer pool).'),
  storage: size('256Mi', '65536Gi', '10Gi').describe('The size of the volume on a cluster.'),
  storageClass: objectName('the name of a storage class')
    .optional()
    .describe("The storage class of the volume on a cluster; without it the cluster's default."),
  existingSecret: objectName('the name of a secret')
    .optional()
    .describe('A Secret of your own with the passwords on a cluster, a key for each account.'),
  resources: resources.optional().describe('What the server takes of a node of the cluster.'),
  url: urlSource.optional(),
});

export const migrations = group('path, image, configMap', {
  path: filePath
    .default('./migrations')
    .describe('The folder with the files V1__name.sql, V2__name.sql, ... on a machine.'),
  image: imageName.optional().describe('The image that has the files in /migrations, for a cluster.'),
  configMap: objectName('the name of a ConfigMap')
    .optional()
    .describe('The ConfigMap that has the files as its keys, for a cluster.'),
})
  .refine(({ image, configMap }) => image === undefined || configMap === undefined, {
    error: 'image or configMap, not both',
  })
  .meta({ not: { required: ['image', 'configMap'] } });

/** The databases that a MariaDB server has by itself. */
export function isFreeDatabaseName(name: string): boolean {
  return !['mysql', 'sys', 'information_schema', 'performance_schema'].includes(name.toLowerCase());
}
