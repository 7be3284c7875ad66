/** The objects of an application as they are first rendered, with surroundings that a test may change. */
import { createHash } from 'node:crypto';
import { appFromData } from '../../src/app/parse.ts';
import type { App } from '../../src/app/model.ts';
import {
  foundation,
  migrationSource,
  routerLayer,
  serviceLayer,
  templates,
  type Surroundings,
} from '../../src/platform/kubernetes/objects/application-objects.ts';
import type { Manifest, WantedObject } from '../../src/platform/kubernetes/objects/manifest.ts';
import { migrationJob, migrationSetOf } from '../../src/platform/kubernetes/objects/migration-job.ts';
import type { ClusterPrepared } from '../../src/platform/kubernetes/objects/prepared.ts';
import { routingStructure } from '../../src/platform/kubernetes/objects/routing-structure.ts';
import { instanceCount } from '../../src/scaling/instance-count.ts';

export const NAMESPACE = 'team';
export const APP_UID = 'uid-of-the-app';
export const IMAGES = { holdfast: 'holdfast:1', database: 'holdfast-database:1', pullPolicy: 'IfNotPresent' };

/** An application with one of everything. */
export const FULL = {
  name: 'shop',
  services: {
    login: {
      image: 'login:1',
      env: { TOKEN: { generate: 32 }, MODE: { value: '1024' }, MAIL: { secret: 'mail', key: 'password' } },
      health: { ready: '/ready', live: '/live' },
      stateful: { key: { header: 'x-user' }, drain: '30s' },
      resources: { cpu: '250m', memory: '256Mi' },
    },
    pages: {
      image: 'pages:1',
      env: { TOKEN: { service: 'login', key: 'TOKEN' } },
      instances: { min: 2, max: 5, cpu: '70%', memory: '80%' },
    },
  },
  routes: { '/login': 'login', '/': 'pages' },
  router: { instances: 3, ingress: { host: 'shop.example', tls: 'shop-tls', class: 'nginx' } },
  database: { topology: 'single', storage: '2Gi', resources: { cpu: '1', memory: '1Gi' } },
  migrations: { image: 'migrations:1' },
} as const;

export function surroundings(over: Partial<Surroundings> = {}): Surroundings {
  let made = 0;
  return {
    namespace: NAMESPACE,
    owner: {
      apiVersion: 'holdfast.dev/v1alpha1',
      kind: 'App',
      name: 'shop',
      uid: APP_UID,
      controller: true,
      blockOwnerDeletion: true,
    },
    images: IMAGES,
    deleteData: false,
    restarts: {},
    count: (service) => instanceCount(service, {}),
    secret: () => undefined,
    isInForce: true,
    deployed: () => undefined,
    random: (bytes) => {
      made += 1;
      return createHash('sha512').update(String(made)).digest('base64url').slice(0, bytes);
    },
    ...over,
  };
}

export function prepared(app: App, over: Partial<Surroundings> = {}): ClusterPrepared {
  const around = surroundings(over);
  const files = migrationSource(app);
  return {
    app,
    objects: [...foundation(app, around), ...serviceLayer(app, around), ...routerLayer(app, around)],
    templates: templates(app, around),
    structure: routingStructure(app, around.namespace).generation,
    ...(files === undefined ? {} : { migrationSet: migrationSetOf(app, files) }),
  };
}

/** Every object, the Job of the migrations among them. */
export function rendered(spec: object, over: Partial<Surroundings> = {}): Manifest[] {
  const app = appFromData(spec);
  const { namespace, owner, images } = surroundings(over);
  const files = migrationSource(app);
  const extents = files === undefined ? [] : (['everything', 'contract'] as const);
  const jobs = extents.flatMap((extent) =>
    files === undefined ? [] : [migrationJob({ app, files, images, namespace, owner, extent })],
  );
  return [...prepared(app, over).objects.map(({ manifest }: WantedObject) => manifest), ...jobs];
}

export interface PodTemplate {
  readonly metadata: {
    readonly labels: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** The pod templates among objects, by `KIND NAME`. */
export function podTemplates(objects: readonly Manifest[]): Map<string, PodTemplate> {
  return new Map(
    objects.flatMap(({ kind, metadata, spec }) => {
      const { template } = (spec ?? {}) as { template?: PodTemplate };
      return template === undefined ? [] : [[`${kind} ${metadata.name}`, template] as const];
    }),
  );
}
