/**
 * The schema of `holdfast.yaml`. It holds only what one key can be judged by itself; what keys must
 * agree on is in `agreement.ts`. It stays convertible into a structural Kubernetes schema: strict
 * objects, maps, lists, no union of types, and conditions (`oneOf`, `anyOf`, `not`) that name required
 * keys only. Every `error` completes the sentence "expected ...", every description is one sentence for
 * an editor. Keys of a cluster stand beside those of a machine: each passes over the other's.
 */
import { z } from 'zod';
import { database, migrations } from './database-schema.ts';
import { routePath, router } from './router-schema.ts';
import { group, label, mapOf, size } from './schema-terms.ts';
import { service, serviceName } from './service-schema.ts';
import { smoke } from './smoke-schema.ts';

/** The file as a whole. Its input is plain data as YAML and JSON have it. */
export const appFileSchema = group('name, services and more', {
  name: label.describe('The name of the application.'),
  services: mapOf(serviceName, service, {
    error: 'a map from the name of a service to the service',
    least: 1,
    tooFew: 'at least one service',
  }).describe('The services of the application.'),
  routes: mapOf(routePath, label, {
    error: 'a map from a path to the name of a service',
    least: 1,
    tooFew: 'at least one route',
  })
    .optional()
    .describe('Which service gets the requests below a path; the longest path wins.'),
  router: router.prefault({}).describe('Where users reach the application.'),
  database: database.optional().describe('The database; every service gets its URL as DATABASE_URL.'),
  migrations: migrations
    .optional()
    .describe('The changes of the database schema, applied in order before the services start.'),
  logs: group('size', {
    size: size('64Ki', '10Gi', '10Mi').describe('How much output of each process is kept on a machine.'),
  })
    .prefault({})
    .describe('The output of the processes.'),
  smoke,
  paused: z
    .boolean({ error: 'true or false' })
    .default(false)
    .describe('On a cluster: everything is left as it is until this is false.'),
}).meta({ title: 'holdfast.yaml', description: 'An application that Holdfast runs.' });

/** What the file says, with defaults filled in and units resolved (ms, bytes, thousandths of a core, percent). */
export type AppFile = z.output<typeof appFileSchema>;
