/** `release` and `rollback`: another version of an application on a cluster, without its file. */
import { UserError } from '../app/failure.ts';
import { RESOURCE_TYPES } from '../platform/kubernetes/api/kube-object.ts';
import { historyOf, type PastRelease } from '../platform/kubernetes/memory-store.ts';
import { namesOf } from '../platform/kubernetes/objects/names.ts';
import type { AppObject, ConfigMap } from '../platform/kubernetes/observe/kinds.ts';
import { changeApp, type AppRef } from '../platform/kubernetes/verbs/app-access.ts';
import { differences, mayShowOfSpec } from '../platform/kubernetes/verbs/differences.ts';
import { closedWay, releaseBefore, withImages } from '../platform/kubernetes/verbs/releases.ts';
import { followApp, type FollowOptions } from './cluster-follow.ts';
import { clusterPlaceOf, type ClusterPlace } from './cluster-place.ts';
import { print } from './output.ts';
import type { VerbContext } from './verb-context.ts';

/** @param changes `login=registry.example/login:2`. @returns 0 when it is there, 1 when it is not or was rolled back */
export async function release(
  changes: readonly string[],
  options: FollowOptions,
  context: VerbContext,
): Promise<number> {
  requireCluster(options, 'change `run` or the code');
  const images = Object.fromEntries(changes.map(parseChange));
  const place = await clusterPlaceOf(options, context);
  const object = await change(place, (spec) => withImages(spec, images), context);
  return followApp(place, object, options, context);
}

/** Puts back what was accepted before. @returns 0 when it is there */
export async function rollback(options: FollowOptions, context: VerbContext): Promise<number> {
  requireCluster(options, 'change the file back');
  const place = await clusterPlaceOf(options, context);
  const history = await historyAt(place);
  const object = await change(
    place,
    (spec, status) => {
      const past = releaseBefore(history, spec);
      if (past === undefined)
        throw new UserError(
          `nothing was ready before what ${place.ref.name} is now, so there is nothing to go back to`,
        );
      const closed = closedWay(past.spec, { spec, status });
      if (closed !== undefined) throw new UserError(closed);
      print(context, `Back to what was ready at ${past.at}`, 'stderr');
      return past.spec;
    },
    context,
  );
  return followApp(place, object, options, context);
}

async function change(
  { client, ref }: ClusterPlace,
  next: (spec: unknown, status: unknown) => unknown,
  context: VerbContext,
): Promise<AppObject> {
  let before: unknown;
  const object = await changeApp(client, ref, (found) => {
    before = found.spec;
    const spec = next(found.spec, found.status);
    return differences(found.spec, spec, mayShowOfSpec).length === 0 ? undefined : { spec };
  });
  for (const difference of differences(before, object.spec, mayShowOfSpec))
    print(
      context,
      `${difference.path}: ${difference.before ?? 'nothing'} -> ${difference.after ?? 'nothing'}`,
      'stderr',
    );
  warnOfHelm(object, context);
  return object;
}

/** Helm knows its own values only. */
function warnOfHelm({ metadata }: AppObject, context: VerbContext): void {
  if (metadata.labels?.['app.kubernetes.io/managed-by'] !== 'Helm') return;
  const release = metadata.annotations?.['meta.helm.sh/release-name'] ?? metadata.name;
  print(
    context,
    `It belongs to the Helm release ${release}: change its values too, or the next helm upgrade takes this back.`,
    'stderr',
  );
}

async function historyAt({ client, ref }: ClusterPlace): Promise<readonly PastRelease[]> {
  return historyOf(await client.get<ConfigMap>(RESOURCE_TYPES.ConfigMap, memoryOf(ref)));
}

function memoryOf({ namespace, name }: AppRef): AppRef {
  return { namespace, name: namesOf(name).memory };
}

function requireCluster({ context }: FollowOptions, what: string): void {
  if (context === undefined)
    throw new UserError(
      `on this machine ${what}, then: holdfast up. For a cluster name its context: --context NAME, or --context .`,
    );
}

function parseChange(change: string): [service: string, image: string] {
  const [, service, image] = /^([^=\s]+)=(\S+)$/.exec(change) ?? [];
  if (service === undefined || image === undefined)
    throw new UserError(
      `"${change}" is not of the form SERVICE=IMAGE, such as login=registry.example/login:2`,
    );
  return [service, image];
}
