/** What the controller would make of a spec, without a cluster: for people to read. No value of a Secret is in it. Pure. */
import type { App } from '../../../app/model.ts';
import { adminUser, migratorUser, serviceUser } from '../../../database/accounts.ts';
import { instanceCount } from '../../../scaling/instance-count.ts';
import { RESOURCE_TYPES } from '../api/kube-object.ts';
import {
  foundation,
  migrationSource,
  routerLayer,
  serviceLayer,
  type Surroundings,
} from '../objects/application-objects.ts';
import { accountsSecret } from '../objects/database-objects.ts';
import { ownerOf, type Manifest } from '../objects/manifest.ts';
import { migrationJob } from '../objects/migration-job.ts';
import type { Images } from '../objects/pod-parts.ts';
import type { Secret } from '../observe/kinds.ts';

export interface Rendering {
  readonly namespace: string;
  readonly images: Images;
}

/** Stands for the identity that the cluster gives. */
const UID = '00000000-0000-0000-0000-000000000000';

/** In the order in which they are brought about. @throws UserError for what a cluster can't have */
export function renderedObjects(app: App, { namespace, images }: Rendering): Manifest[] {
  const around = surroundings(app, { namespace, images });
  const files = app.database === undefined ? undefined : migrationSource(app);
  const { owner } = around;
  const objects = [...foundation(app, around), ...serviceLayer(app, around), ...routerLayer(app, around)];
  return [
    ...objects.map(({ manifest }) => manifest).map(withoutValues),
    ...(files === undefined
      ? []
      : [migrationJob({ app, files, images, namespace, owner, extent: 'everything' })]),
  ];
}

function surroundings(app: App, { namespace, images }: Rendering): Surroundings {
  return {
    namespace,
    images,
    owner: ownerOf({ ...RESOURCE_TYPES.App, metadata: { name: app.name, uid: UID } }),
    deleteData: false,
    restarts: {},
    count: (service) => instanceCount(service, {}),
    secret: (name) => (name === accountsSecret(app) ? accounts(app, name) : undefined),
    isInForce: false,
    deployed: () => undefined,
    random: () => '',
  };
}

/** A Secret of the user's is taken to be as it has to be. */
function accounts(app: App, name: string): Secret {
  const users = [adminUser, migratorUser, ...app.services.map((service) => serviceUser(service.name))];
  const data = Object.fromEntries(users.map((user) => [user, '']));
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data };
}

function withoutValues(object: Manifest): Manifest {
  if (object.kind !== 'Secret') return object;
  const data = (object['data'] ?? {}) as Readonly<Record<string, string>>;
  return { ...object, data: Object.fromEntries(Object.keys(data).map((key) => [key, ''])) };
}
