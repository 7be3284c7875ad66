/** The schema of one service: how it is started, asked, counted, and who its users are. */
import { z } from 'zod';
import { resources } from './resources-schema.ts';
import {
  duration,
  group,
  headerName,
  httpPath,
  imageName,
  label,
  mapOf,
  percent,
  plainName,
  text,
  variableName,
  wholeNumber,
} from './schema-terms.ts';
import { envSource } from './value-source.ts';

/** The variables that Holdfast gives to each instance; a file cannot set them. */
export const GIVEN_VARIABLES: readonly string[] = ['PORT', 'HOST', 'DATABASE_URL', 'INSTANCE', 'ROUTER_URL'];

/** Parts of every application: their objects on a cluster are called APP-PART, as those of services are. */
export const PART_NAMES: readonly string[] = ['database', 'migrator', 'router', 'routers'];

/** The longest duration: timers of Node and of HAProxy hold a little more than 24 days. */
const LONGEST = '576h';

const health = group('ready, live, start', {
  ready: httpPath.default('/ready').describe('The path that answers 2xx when an instance can take users.'),
  live: httpPath.optional().describe('The path that answers 2xx while an instance is alive.'),
  start: duration('1s', '1h', '30s').describe('How long an instance may take until it is ready.'),
});

const ONE_KEY = 'exactly one of header, cookie, query, path; assign only beside cookie';

function hasOneKey({ assign, ...keys }: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(keys).length === 1 && (assign === undefined || 'cookie' in keys);
}

const key = z
  .strictObject(
    {
      header: headerName.toLowerCase().optional().describe('The request header that names the user.'),
      cookie: plainName('cookie').optional().describe('The cookie that names the user.'),
      assign: z
        .boolean({ error: 'true or false' })
        .optional()
        .describe('Whether the router gives the cookie, at random, to users without it.'),
      query: plainName('parameter').optional().describe('The parameter behind the ? that names the user.'),
      path: wholeNumber(1, 20)
        .optional()
        .describe('The segment of the whole path that names the user: 2 is ann in /users/ann/orders.'),
    },
    { error: `a map with ${ONE_KEY}` },
  )
  .refine(hasOneKey, { error: ONE_KEY })
  .meta({
    description: 'What names the user in a request.',
    oneOf: [
      ...['header', 'query', 'path'].map((name) => ({ required: [name], not: { required: ['assign'] } })),
      { required: ['cookie'] },
    ],
  });

const stateful = group('key, table, idle, drain, warmup, handoff', {
  key,
  table: z
    .enum(['steady', 'maglev', 'ring', 'rendezvous'], { error: 'steady, maglev, ring or rendezvous' })
    .default('steady')
    .describe('How users are assigned to instances.'),
  idle: duration('1s', LONGEST, '15m').describe('How long a session lives unused.'),
  drain: duration('0s', LONGEST, '10m').describe('How long a leaving instance may keep its users.'),
  warmup: duration('0s', LONGEST, '0s').describe(
    'How long a new instance takes until it has its full share of new users; with steady, without handoff.',
  ),
  handoff: z
    .boolean({ error: 'true or false' })
    .default(false)
    .describe(
      'Whether the service speaks the hand-over protocol, so that sessions move and survive a crash.',
    ),
});

const instances = group('min, max, cpu, memory', {
  min: wholeNumber(1, 100).default(2).describe('The least number of instances.'),
  max: wholeNumber(1, 100)
    .optional()
    .describe('The greatest number of instances; 10, or min if that is more.'),
  cpu: percent('70%')
    .optional()
    .describe('On a cluster: the share of resources.cpu (100m without it) above which there are more.'),
  memory: percent('80%')
    .optional()
    .describe('On a cluster: the share of resources.memory (256Mi without it) above which there are more.'),
});

const variables = mapOf(
  variableName.refine((name) => !GIVEN_VARIABLES.includes(name), {
    error: `a name other than ${GIVEN_VARIABLES.join(', ')}, which Holdfast itself gives to each instance`,
  }),
  envSource,
  { error: 'a map from a variable to the source of its value' },
);

const HOW_IT_STARTS = 'run, how a machine starts it, or image, what a cluster starts it from';

export type KeyInFile = z.output<typeof key>;

export const service = group('run, image and more', {
  run: text('the command that starts one instance', { pattern: /\S/ })
    .optional()
    .describe('The command that starts one instance on a machine, in the folder of this file.'),
  image: imageName.optional().describe('The image that an instance is started from on a cluster.'),
  env: variables.prefault({}).describe('The environment variables of an instance.'),
  health: health.prefault({}).describe('How an instance is asked whether it can take users.'),
  stateful: stateful.optional().describe('For a service that keeps the sessions of its users in memory.'),
  resources: resources.optional().describe('What one instance takes of a node of the cluster.'),
  instances: instances.prefault({}).describe('How many instances run.'),
  stop: duration('0s', '1h', '10s').describe('How long an instance may take to end after SIGTERM.'),
})
  .refine(({ run, image }) => run !== undefined || image !== undefined, { error: HOW_IT_STARTS })
  .meta({ description: 'One service.', anyOf: [{ required: ['run'] }, { required: ['image'] }] });

export const serviceName = label.refine((name) => !PART_NAMES.includes(name), {
  error: `a name other than ${PART_NAMES.join(', ')}, which are parts of every application`,
});
