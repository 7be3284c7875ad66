/**
 * What a router remembers of owner tables: by which one HAProxy routes, which tells only its epoch, and since when
 * the newest one is known.
 */
import type { ObservedRouter } from '../../../routing/haproxy-router.ts';
import type { OwnerTable } from '../../../routing/owner-table.ts';
import type { RecalledView } from './router-view.ts';

/** How long a newer table waits for its owners while the one in force has none to send some users to; ms. */
export const OWNERS_AWAITED = 2_000;

interface Seen {
  readonly table: OwnerTable;
  readonly since: number;
}

export class TableMemory {
  /** The newest of each service, and before it the one in force where that is another one. */
  #seen: ReadonlyMap<string, readonly Seen[]> = new Map();

  /** Takes in what is seen. @param now ms of a clock that never goes back */
  recall(
    tables: ReadonlyMap<string, OwnerTable>,
    backends: ObservedRouter['backends'],
    now: number,
  ): Pick<RecalledView, 'overdue' | 'inForce'> {
    const epoch = (service: string): number => backends[service]?.epoch ?? 0;
    const seen = [...tables].map(([service, table]) => {
      const known = this.#seen.get(service) ?? [];
      return [service, next(known, { table, since: now }, epoch(service))] as const;
    });
    this.#seen = new Map(seen);
    const waited = seen.filter(([, all]) => now - (all.at(-1)?.since ?? now) >= OWNERS_AWAITED);
    const inForce = seen.flatMap(([service, [first]]) =>
      first?.table.epoch === epoch(service) ? [[service, first.table] as const] : [],
    );
    return { overdue: new Set(waited.map(([service]) => service)), inForce: new Map(inForce) };
  }
}

/** Those before the one in force are over; those after it have been passed over for the newest. */
function next(known: readonly Seen[], news: Seen, inForce: number): Seen[] {
  const isKnown = known.at(-1)?.table.epoch === news.table.epoch;
  const all = isKnown ? known : [...known, news];
  return all.filter((seen, index) => seen.table.epoch === inForce || index === all.length - 1);
}
