/**
 * The structural schema of an App's `status`, in the terms of kstatus: a tool that knows nothing of
 * Holdfast can wait for `observedGeneration` and the conditions `Ready`, `Reconciling` and `Stalled`.
 * The API server drops whatever is not named here.
 */

/** The structural schema of an App's `status`: what the verb `status` shows, and the conditions. */
export function statusSchema(): object {
  return map('What the controller sees and does.', {
    observedGeneration: number('The generation of the App that the rest of the status is about.'),
    conditions: CONDITIONS,
    name: text('The name of the application.'),
    url: { ...text('Where users reach it.'), nullable: true },
    state: text('ready, changing or failing.'),
    services: list(
      map('One service.', {
        name: text('The name of the service.'),
        stateful: { type: 'boolean', description: 'Whether it keeps the sessions of its users.' },
        wanted: number('How many instances there should be.'),
        ready: number('How many instances are ready.'),
        epoch: number('The epoch of its owner table.'),
        copies: map('Whether every session is at two instances; of services that hand sessions over.', {
          alone: number('Slots without a second owner.'),
          incomplete: number('Slots whose second owner has not got everything yet.'),
          pending: number('Sessions with a change that the second owner does not have.'),
          silent: list(text('An instance that does not answer.')),
        }),
        instances: list(INSTANCE),
      }),
    ),
    database: part({
      topology: text('single, external or none.'),
      state: text('How it is.'),
      address: text('Where it is.'),
      pid: number('Its process, on a machine.'),
    }),
    migrations: part({
      state: text('How far they are.'),
      applied: number('How many files are applied.'),
      pending: number('How many files are not applied yet.'),
      contract: map('What waits until no instance of an older version is left; of the release in force.', {
        state: text('pending, running, held or applied.'),
        files: list(text('The name of a file.')),
        reason: text('For what it waits, what went wrong, or what it means.'),
      }),
    }),
    router: part({ state: text('How it is.'), pid: number('Its process, on a machine.') }),
    waiting: list(map('One part that waits.', { part: text('The part.'), reason: text('For what.') })),
  });
}

const INSTANCE = map('One instance.', {
  id: text('Its name.'),
  state: text('How it is.'),
  pid: { ...number('Its process, on a machine.'), nullable: true },
  address: text('Where it listens.'),
  incarnation: text('Tells this life of it from every other one.'),
  since: number('When it entered the state, in ms since the epoch.'),
  failures: number('Deaths in a row without a stable life.'),
  failed: { type: 'boolean', description: 'Whether it failed by itself.' },
  share: { type: 'number', description: 'The share of the users that it owns, 0 to 1.' },
  warm: { type: 'number', description: 'The part of its full share that it has, 0 to 1, while it warms up.' },
  sessions: number('Sessions that it has, up to a fifth more or less.'),
  pinned: number('Users that stay with it while it leaves.'),
  leaveBy: number('Until when they may, in ms since the epoch.'),
  problem: text('What is wrong.'),
  node: text('The node that it is on.'),
});

/** metav1.Condition, with the limits that Kubernetes' own types have. */
const CONDITIONS = {
  type: 'array',
  description: 'Ready, Reconciling and Stalled, in the terms of kstatus, and others.',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
  items: {
    ...map('One condition.', {
      type: { ...text('Which condition this is.'), maxLength: 316 },
      status: { ...text('Whether it holds.'), enum: ['True', 'False', 'Unknown'] },
      observedGeneration: { ...number('The generation that this is about.'), minimum: 0 },
      lastTransitionTime: { ...text('When the status last changed.'), format: 'date-time' },
      reason: {
        ...text('Why, in one word.'),
        minLength: 1,
        maxLength: 1024,
        pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
      },
      message: { ...text('What happened, and what to do.'), maxLength: 32_768 },
    }),
    required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
  },
};

function part(properties: Readonly<Record<string, object>>): object {
  return map('How this part is.', { ...properties, problem: text('What is wrong.') });
}

function list(items: object): object {
  return { type: 'array', items, 'x-kubernetes-list-type': 'atomic' };
}

function map(description: string, properties: Readonly<Record<string, object>>): object {
  return { type: 'object', description, properties };
}

function text(description: string): object {
  return { type: 'string', description };
}

function number(description: string): object {
  return { type: 'integer', format: 'int64', description };
}
