/**
 * From the decision about an owner table until the last router works by it, on a cluster: from the moment in which
 * the API server tells of the published table to the one in which every router says its epoch, while `login` is scaled.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Informer } from '../src/platform/kubernetes/api/informer.ts';
import { RESOURCE_TYPES, type KubeObject } from '../src/platform/kubernetes/api/kube-object.ts';
import { namesOf } from '../src/platform/kubernetes/objects/names.ts';
import type { Pod, Secret } from '../src/platform/kubernetes/observe/kinds.ts';
import { routerStates, tokenSecret, type RouterStates } from '../src/platform/kubernetes/router-states.ts';
import { decodeTableText } from '../src/routing/published-structure.ts';
import type { Community } from '../test/kubernetes/support/community.ts';

const APP = 'community';
const SERVICE = 'login';
const COUNTS = [3, 2, 3, 2];
const POLL = 5;
/** A table that is not in force by then is a failure; ms. */
const IN_FORCE_WITHIN = 30_000;

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** ms until each table was in force that a later one had not overtaken. */
export async function timesInForce(app: Community): Promise<number[]> {
  const end = new AbortController();
  const problems: unknown[] = [];
  const { client, namespace } = app;
  const owners = new Informer<ConfigMap>(client, {
    type: RESOURCE_TYPES.ConfigMap,
    namespace,
    fieldSelector: `metadata.name=${namesOf(APP).owners(SERVICE)}`,
    random: Math.random,
    onError: (error) => problems.push(error),
  });
  const routers = await app.pods('router');
  const secret = await app.get<Secret>(RESOURCE_TYPES.Secret, tokenSecret(APP));
  const states = routerStates(routers, secret);
  const waits: Promise<number>[] = [];
  let known = 0;
  owners.onChange((_key, map) => {
    const text = map?.data?.['table'];
    const epoch = text === undefined ? 0 : decodeTableText(text).epoch;
    if (owners.hasSynced && epoch > known) {
      const wait = untilInForce(states, routers, epoch);
      // Whoever waits for all of them is told.
      wait.catch(() => undefined);
      waits.push(wait);
    }
    known = Math.max(known, epoch);
  });
  void owners.start(end.signal);
  try {
    await owners.synced;
    for (const count of COUNTS) {
      await app.scale({ [SERVICE]: count });
      await app.quiet();
    }
    if (waits.length === 0) throw new AggregateError(problems, 'no owner table was published');
    return await Promise.all(waits);
  } finally {
    end.abort();
  }
}

/** @throws when a router does not say it in time */
async function untilInForce(states: RouterStates, routers: readonly Pod[], epoch: number): Promise<number> {
  const begun = performance.now();
  for (;;) {
    const asked = await Promise.all(routers.map((router) => states.state(router)));
    const waited = performance.now() - begun;
    if (asked.every((state) => (state?.services[SERVICE]?.epoch ?? 0) >= epoch)) return waited;
    if (waited > IN_FORCE_WITHIN) throw new Error(`epoch ${epoch} is not in force at every router`);
    await sleep(POLL);
  }
}
