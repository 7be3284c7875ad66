/**
 * What most of these tests begin with: Holdfast on the test cluster, the example in a namespace of its own, and
 * members of it who can log in. What has been started ends by disposing, and when a later step of the start fails.
 */
import assert from 'node:assert/strict';
import type { Finding, SessionLoad } from '../../example/session-load.ts';
import { Community, exampleMigrations, type Change, type Files } from './community.ts';
import { startHoldfast, type Holdfast } from './holdfast.ts';
import { logInsWork, membersSql, summary } from './members.ts';
import type { PodHistory } from './pod-history.ts';

/** How long a leaving instance of login keeps its users; ms. */
export const DRAIN = 5_000;

export interface Example extends AsyncDisposable {
  readonly holdfast: Holdfast;
  readonly app: Community;
  /** Of its router. */
  readonly url: string;
}

/** Two instances of each service, whatever the load is; users of login stay where their sessions are. */
export const twoOfEach: Change = ({ services }) => {
  services.login.stateful.handoff = false;
  services.login.stateful.drain = `${DRAIN / 1000}s`;
  services.community.instances = { min: 2, max: 2 };
};

/** The migrations of the example, and one that makes members who log in at little cost. */
export async function migrationsWithMembers(members?: number): Promise<Files> {
  return { ...(await exampleMigrations()), 'V6__more.sql': membersSql(members) };
}

/** @param change what is not as in the file of the example */
export async function startExample(namespace: string, change: Change): Promise<Example> {
  await using started = new AsyncDisposableStack();
  const holdfast = started.use(await startHoldfast());
  const app = started.use(await Community.in(holdfast, namespace, await migrationsWithMembers()));
  await app.apply(change);
  await app.ready();
  const url = await app.url();
  await logInsWork(url);
  const all = started.move();
  return { holdfast, app, url, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** No request failed, and no session was lost before the drain time of its instance was over. */
export function assertDrained({ lost, failed }: SessionLoad, history: PodHistory): void {
  const { left } = history;
  const early = lost.flatMap(({ at, instance }) => {
    const since = at - (left.get(instance) ?? Infinity);
    return since < DRAIN ? [`${instance}: after ${since} ms`] : [];
  });
  assert.deepEqual(early, [], 'no session is lost before the drain time of its instance is over');
  const about = failed.length === 0 ? '' : `${whereItFailed(failed, left)}\n${history.story()}`;
  assert.deepEqual(summary(failed), {}, `no request fails; ${about}`);
}

/** By the instance that had the session: how often, and when by the time at which it was told to leave. */
function whereItFailed(failed: readonly Finding[], left: PodHistory['left']): string {
  const instances = [...Map.groupBy(failed, ({ instance }) => instance)].map(([instance, findings]) => {
    const times = findings.map(({ at }) => at - (left.get(instance) ?? 0));
    const first = Math.min(...findings.map(({ at }) => at));
    const span = `${Math.min(...times)} to ${Math.max(...times)} ms, from ${first} of the clock`;
    return `${instance}: ${findings.length} at ${span} ${left.has(instance) ? 'after it was told to leave' : 'of the clock'}`;
  });
  return instances.join('; ');
}
