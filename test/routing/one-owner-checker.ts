/**
 * Checks the logs of all instances against the tables that were published: no request is run by an instance that does not
 * own its user while it runs, no two instances run requests of one user at the same time, and none is run twice.
 *
 * A table counts from when its publication began, and until whoever published the next one was told that it is in force
 * everywhere: in between each of the two may be followed. All times are ms of one clock.
 */
import { ownerOf, type OwnerTable } from '../../src/routing/owner-table.ts';

/** A request that an instance ran. */
export interface Run {
  readonly instance: string;
  readonly user: string;
  /** Names the request, wherever it is run. */
  readonly request: string;
  readonly began: number;
  readonly ended: number;
}

export interface Published {
  readonly table: OwnerTable;
  /** When its publication began, and when it was in force at all routers. */
  readonly began: number;
  readonly inForce: number;
}

/** What was wrong, a sentence each. @param tables by epoch, the first one in force before all runs */
export function ownerConflicts(runs: readonly Run[], tables: readonly Published[]): string[] {
  const inOrder = runs.toSorted((a, b) => a.began - b.began);
  const byUser = [...Map.groupBy(inOrder, ({ user }) => user).values()];
  return [
    ...inOrder.filter((run) => !ownedThen(run, tables)).map((run) => `${words(run)}, who did not own it`),
    ...byUser.flatMap(overlaps),
    ...repeated(inOrder).map((run) => `${words(run)}, a second time`),
  ];
}

function ownedThen({ instance, user, began, ended }: Run, tables: readonly Published[]): boolean {
  return tables.some(({ table, began: from }, n) => {
    const until = tables[n + 1]?.inForce ?? Infinity;
    return from <= ended && began <= until && ownerOf(table, user) === instance;
  });
}

/** @param runs of one user, by when they began */
function overlaps(runs: readonly Run[]): string[] {
  const found: string[] = [];
  const last = new Map<string, Run>();
  for (const run of runs) {
    for (const other of last.values())
      if (other.instance !== run.instance && other.ended > run.began)
        found.push(`${words(run)} while ${other.instance} ran ${other.request}`);
    const before = last.get(run.instance);
    if (before === undefined || run.ended > before.ended) last.set(run.instance, run);
  }
  return found;
}

function repeated(runs: readonly Run[]): Run[] {
  const seen = new Set<string>();
  return runs.filter(({ request }) => seen.size === seen.add(request).size);
}

const words = ({ user, request, instance }: Run): string => `${request} of ${user} was run by ${instance}`;
