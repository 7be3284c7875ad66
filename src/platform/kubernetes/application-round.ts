/** Puts together what one round for one application of a cluster works with. */
import { randomBytes } from 'node:crypto';
import { UserError } from '../../app/failure.ts';
import type { App } from '../../app/model.ts';
import { appFromData } from '../../app/parse.ts';
import type { KubeClient } from './api/kube-client.ts';
import { RESOURCE_TYPES } from './api/kube-object.ts';
import { ClusterPlatform } from './cluster-platform.ts';
import type { ClusterSessions } from './cluster-sessions.ts';
import type { ClusterView } from './cluster-view.ts';
import type { ConfirmedRouters } from './confirmed-routers.ts';
import { MemoryStore } from './memory-store.ts';
import { ownerOf } from './objects/manifest.ts';
import { namesOf } from './objects/names.ts';
import type { Images } from './objects/pod-parts.ts';
import type { AppObject, ConfigMap, Secret } from './observe/kinds.ts';
import type { AskRouters } from './router-states.ts';

export interface RoundParts {
  readonly platform: ClusterPlatform;
  readonly store: MemoryStore;
  readonly wanted: App | UserError;
}

/** What the rounds of all applications share. */
export interface RoundSurroundings {
  readonly client: KubeClient;
  readonly cache: { view(): ClusterView };
  readonly images: Images;
  readonly routers: AskRouters;
  readonly confirmed: ConfirmedRouters;
  readonly sessions: ClusterSessions;
}

/** @param object the App as it is now */
export async function roundParts(
  { client, cache, images, routers, confirmed, sessions }: RoundSurroundings,
  object: AppObject,
): Promise<RoundParts> {
  const { name, namespace = '' } = object.metadata;
  const wanted = wantedOf(object);
  const app = wanted instanceof UserError ? undefined : wanted;
  const view = cache.view();
  const memory = view.get<ConfigMap>('ConfigMap', { namespace, name: namesOf(name).memory });
  const store = new MemoryStore({
    client,
    object,
    wanted: app,
    memory,
    owner: ownerOf(object),
    now: Date.now,
  });
  const { scale, restarts, inForce, accepted } = await store.load();
  const apps = [app, inForce, accepted].filter((known) => known !== undefined);
  const platform = new ClusterPlatform({
    client,
    view,
    object,
    images,
    scale,
    restarts,
    userSecrets: await userSecrets(client, apps, namespace),
    random: (bytes) => randomBytes(bytes).toString('base64url'),
    now: Date.now,
    routers,
    confirmed,
    sessions: sessions.of(`${namespace}/${name}`),
  });
  return { platform, store, wanted };
}

/** The objects are named by the App, so its spec has to have the same name. */
function wantedOf({ spec, metadata }: AppObject): App | UserError {
  try {
    const app = appFromData(spec);
    if (app.name === metadata.name) return app;
    return new UserError(`name: it is "${app.name}", but the App is called "${metadata.name}"`);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/**
 * Secrets that a file names and others made: they have no label by which they could be watched. Those of what is
 * in force too: without them its instances would seem to have been made from something else.
 */
async function userSecrets(
  client: KubeClient,
  apps: readonly App[],
  namespace: string,
): Promise<ReadonlyMap<string, Secret>> {
  const names = new Set(apps.flatMap(namedSecrets));
  const found = [...names].map(
    async (name) => [name, await client.get<Secret>(RESOURCE_TYPES.Secret, { namespace, name })] as const,
  );
  return new Map(
    (await Promise.all(found)).flatMap(([name, secret]) => (secret === undefined ? [] : [[name, secret]])),
  );
}

function namedSecrets({ services, database, router }: App): string[] {
  const inEnvironments = services.flatMap(({ env }) =>
    Object.values(env).flatMap((source) => (source.kind === 'secret' ? [source.secret] : [])),
  );
  const ofDatabase =
    database?.topology === 'single'
      ? database.existingSecret
      : database?.url.kind === 'secret'
        ? database.url.secret
        : undefined;
  return [...inEnvironments, ofDatabase, router.tls?.secret].filter((name) => name !== undefined);
}
