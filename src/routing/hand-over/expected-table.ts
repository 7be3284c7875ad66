/** Where the table of a service that hands sessions over will get to, if nothing else happens meanwhile. Pure. */
import type { CopiedTable } from './copied-table.ts';
import { afterHandOver, nextChange, type Participant } from './next-change.ts';

/** No way to even shares is longer: each change empties a giver, fills a taker, or moves as many slots as are allowed. */
const MOST_CHANGES = 5_000;

/**
 * The table once owners have settled; copies may still move.
 * @param ids of the instances that are to be members; others that the table names leave
 * @param limit how many slots one change hands over
 */
export function expectedTable(inForce: CopiedTable, ids: readonly string[], limit: number): CopiedTable {
  const wanted = new Set(ids);
  const named = new Set(inForce.owners);
  const unknown = ids.filter((id) => !named.has(id));
  const members = [
    ...inForce.members,
    ...unknown.map((id) => ({ id, incarnation: id, url: 'http://none', http: 'http://none' })),
  ];
  const participants = new Map(
    members.map((member): [string, Participant] => [
      member.incarnation,
      {
        member,
        state: wanted.has(member.id) ? 'member' : 'leaving',
        epoch: inForce.epoch,
        lacking: new Set(),
      },
    ]),
  );
  let table = inForce;
  for (let changes = 0; changes < MOST_CHANGES; changes += 1) {
    const change = nextChange({
      service: table.service,
      inForce: table,
      participants,
      isBusy: false,
      isFrozen: false,
      postponed: new Set(),
      limit,
      after: table.epoch,
    });
    if (change?.kind !== 'hand-over' || change.as === 'second') return table;
    table = afterHandOver(table, change, change.slots);
  }
  return table;
}
