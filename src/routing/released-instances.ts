/**
 * Instances whose users have been let go because their drain time is over, as routers tell each other: a stick table
 * that HAProxy keeps equal over its peers protocol. Whoever lets an instance's users go may not know every router, and
 * one that starts has been asked by nobody: it learns this with the pins.
 */
import { PEERS } from './haproxy-backend.ts';

/** The backend that has the table; no service can have this name. */
export const RELEASED_TABLE = 'holdfast_released';
/** For so long it is told; by then the instance has ended, and its endpoint has gone. */
const TOLD_FOR = '60s';
const INSTANCES = '10k';

/** The section of a router that shares its pins. */
export function releasedSection(): string[] {
  const table = `stick-table type integer size ${INSTANCES} expire ${TOLD_FOR} store gpt0 peers ${PEERS}`;
  return [`backend ${RELEASED_TABLE}`, `  ${table}`, ''];
}

/** Tells the others of an instance. @param id of its server, the same at every router */
export function releasedCommand(id: number): string {
  return `set table ${RELEASED_TABLE} key ${id} data.gpt0 1`;
}

/** Ids in the answer to `show table` for it. */
export function releasedIds(reply: string): Set<number> {
  return new Set([...reply.matchAll(/\bkey=(\d+) /g)].map((match) => Number(match[1])));
}
