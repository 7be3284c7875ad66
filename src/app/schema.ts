/**
 * The schema of `holdfast.yaml`. It holds only what one key can be judged by itself; what keys must
 * agree on is in `agreement.ts`. It stays convertible into a structural Kubernetes schema: strict
 * objects, maps, no union of types, and conditions (`oneOf`) that name required keys only.
 * Every `error` completes the sentence "expected ...", every description is one sentence for an editor.
 */
import { z } from 'zod';
import { duration, filePath, group, label, size, text, variableName, wholeNumber } from './schema-terms.ts';
import { envSource, urlSource } from './value-source.ts';

/** The variables that Holdfast gives to each instance; a file cannot set them. */
export const GIVEN_VARIABLES: readonly string[] = ['PORT', 'HOST', 'DATABASE_URL', 'INSTANCE'];

/** The longest duration: timers of Node and of HAProxy hold a little more than 24 days. */
const LONGEST = '576h';

// No control character and no space: it is sent in a request line.
const httpPath = text('a path that begins with /', { pattern: /^\/[!-~]*$/, longest: 1000 });

const health = group('ready, live, start', {
  ready: httpPath.default('/ready').describe('The path that answers 2xx when an instance can take users.'),
  live: httpPath.optional().describe('The path that answers 2xx while an instance is alive.'),
  start: duration('1s', '1h', '30s').describe('How long an instance may take until it is ready.'),
});

const stateful = group('key, table, idle, drain', {
  key: group('header', {
    header: text('the name of a request header', { pattern: /^[A-Za-z][A-Za-z0-9-]*$/, longest: 100 })
      .toLowerCase()
      .describe('The request header that names the user.'),
  }).describe('What names the user in a request.'),
  table: z
    .enum(['steady'], { error: 'steady' })
    .default('steady')
    .describe('How users are assigned to instances.'),
  idle: duration('1s', LONGEST, '15m').describe('How long a session lives unused.'),
  drain: duration('0s', LONGEST, '10m').describe('How long a leaving instance may keep its users.'),
});

const instances = group('min, max', {
  min: wholeNumber(1, 100).default(2).describe('The least number of instances.'),
  max: wholeNumber(1, 100)
    .optional()
    .describe('The greatest number of instances; 10, or min if that is more.'),
});

const service = group('run and more', {
  run: text('the command that starts one instance', { pattern: /\S/ }).describe(
    'The command that starts one instance on a machine, in the folder of this file.',
  ),
  env: z
    .record(
      variableName.refine((name) => !GIVEN_VARIABLES.includes(name), {
        error: `a name other than ${GIVEN_VARIABLES.join(', ')}, which Holdfast itself gives to each instance`,
      }),
      envSource,
      { error: 'a map from a variable to the source of its value' },
    )
    .prefault({})
    .describe('The environment variables of an instance.'),
  health: health.prefault({}).describe('How an instance is asked whether it can take users.'),
  stateful: stateful.optional().describe('For a service that keeps the sessions of its users in memory.'),
  instances: instances.prefault({}).describe('How many instances run.'),
  stop: duration('0s', '1h', '10s').describe('How long an instance may take to end after SIGTERM.'),
}).describe('One service.');

const routePath = text('a path such as / or /login: letters, digits, ., _, ~, - and no / at the end', {
  // Each segment has a letter, a digit or _, so that none is a dot segment.
  pattern: /^\/$|^(\/[.~-]*[A-Za-z0-9_][A-Za-z0-9._~-]*)+$/,
  longest: 200,
});

const router = group('host, port', {
  host: text('an address or a host name', { pattern: /^[A-Za-z0-9.:-]+$/, longest: 253 })
    .default('127.0.0.1')
    .describe('The address that the router listens on; 0.0.0.0 for all.'),
  port: wholeNumber(0, 65_535)
    .default(8080)
    .describe('The port that the router listens on; 0 for any free one.'),
});

const database = group('topology and more', {
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
  url: urlSource.optional(),
});

/** The file as a whole. Its input is plain data as YAML and JSON have it. */
export const appFileSchema = group('name, services and more', {
  name: label.describe('The name of the application.'),
  services: z
    .record(label, service, { error: 'a map from the name of a service to the service' })
    .refine(hasEntries, { error: 'at least one service' })
    .meta({ description: 'The services of the application.', minProperties: 1 }),
  routes: z
    .record(routePath, label, { error: 'a map from a path to the name of a service' })
    .refine(hasEntries, { error: 'at least one route' })
    .optional()
    .meta({
      description: 'Which service gets the requests below a path; the longest path wins.',
      minProperties: 1,
    }),
  router: router.prefault({}).describe('Where users reach the application.'),
  database: database.optional().describe('The database; every service gets its URL as DATABASE_URL.'),
  migrations: group('path', {
    path: filePath
      .default('./migrations')
      .describe('The folder with the files V1__name.sql, V2__name.sql, ...'),
  })
    .optional()
    .describe('The changes of the database schema, applied in order before the services start.'),
  logs: group('size', {
    size: size('64Ki', '10Gi', '10Mi').describe('How much output of each process is kept.'),
  })
    .prefault({})
    .describe('The output of the processes.'),
}).meta({ title: 'holdfast.yaml', description: 'An application that Holdfast runs.' });

/** What the file says, with defaults filled in and units resolved (ms, bytes). */
export type AppFile = z.output<typeof appFileSchema>;

/** The databases that a MariaDB server has by itself. */
export function isFreeDatabaseName(name: string): boolean {
  return !['mysql', 'sys', 'information_schema', 'performance_schema'].includes(name.toLowerCase());
}

function hasEntries(map: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(map).length > 0;
}
