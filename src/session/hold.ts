/**
 * What an instance has of one slot. Whoever is a member of the slot, owner or second owner, has a hold. It is
 * current when it has every write that was ever acknowledged: a write needs all members, so a hold that was
 * current stays so for as long as the instance is a member without a break.
 */
import type { Member } from './told-table.ts';
import type { CarriedSession } from './carried.ts';

export interface Session {
  /** The value as JSON text. */
  readonly text: string;
  readonly formatVersion: number;
  /** The last use, ms by the instance's clock. */
  used: number;
  /** The last use that the second owner has been told of. */
  told: number;
}

export type Sessions = Map<string, Session>;

/** A session that the second owner does not have as it is. Tickets are of those who wait until it has. */
export interface Pending {
  /** Not sent since it changed last. */
  isDirty: boolean;
  /** Wait for the next sending. */
  tickets: number[];
  /** Wait for the answer to the last sending. */
  sent: number[];
}

export interface Hold {
  readonly slot: number;
  role: 'owner' | 'second';
  /** Another one for each time that the instance begins to own the slot. */
  stint: number;
  term: number;
  /** The epoch from which on the instance is a member without a break. */
  since: number;
  owner: Member;
  second: Member | undefined;
  /** Undefined while there are none, as in most slots. */
  sessions: Sessions | undefined;
  isCurrent: boolean;

  /** As owner: the second owner has had the whole under this term. As second owner: has got it. */
  isCopied: boolean;
  /**
   * As owner: all that it has is acknowledged, or has a ticket in `pending`. Who took over after a crash may have what
   * no other member has, and proves it by copying the whole; before that nobody may read it.
   */
  isProven: boolean;
  /** As owner: serves nobody before, ms by the instance's clock. */
  servesFrom: number;
  /** As owner: requests that run. */
  running: number;
  /** By key; undefined while there is none. */
  pending: Map<string, Pending> | undefined;
  /** As owner: lets nobody in until a table of this epoch or a later one comes; 0: not frozen. */
  frozenFor: number;
  /** As owner: has been sent to an instance (its incarnation) that is to have it under a coming table. */
  exported: { readonly epoch: number; readonly to: string } | undefined;

  /** As second owner: the whole as far as it has come. */
  staging: Sessions | undefined;
}

/** What is neither owned nor copied yet. */
export function newHold(slot: number, owner: Member): Hold {
  return {
    slot,
    role: 'second',
    stint: 0,
    term: 0,
    since: 0,
    owner,
    second: undefined,
    sessions: undefined,
    isCurrent: false,
    isCopied: false,
    isProven: false,
    servesFrom: 0,
    running: 0,
    pending: undefined,
    frozenFor: 0,
    exported: undefined,
    staging: undefined,
  };
}

/** Notes that the second owner needs a session; `ticket` waits for it. */
export function markDirty(hold: Hold, key: string, ticket?: number): void {
  hold.pending ??= new Map();
  const pending = hold.pending.get(key) ?? { isDirty: true, tickets: [], sent: [] };
  pending.isDirty = true;
  if (ticket !== undefined) pending.tickets.push(ticket);
  hold.pending.set(key, pending);
}

/** Whether nobody waits for the second owner to have this session. A mere use or end by idleness has no ticket. */
export function isSettled(pending: Pending | undefined): boolean {
  return pending === undefined || (pending.tickets.length === 0 && pending.sent.length === 0);
}

/** No request runs, and everything that was written is acknowledged. */
export function isQuiet(hold: Hold): boolean {
  return hold.running === 0 && [...(hold.pending?.values() ?? [])].every(isSettled);
}

/** Nobody waits: so it is with most slots. */
export const NO_TICKETS: readonly number[] = [];

/** Forgets who waits; gives their tickets. */
export function takeTickets(hold: Hold): readonly number[] {
  if (hold.pending === undefined) return NO_TICKETS;
  const tickets = [...hold.pending.values()].flatMap(({ sent, tickets }) => [...sent, ...tickets]);
  hold.pending = undefined;
  return tickets;
}

/** What was sent counts as not sent: it went to nobody, or nobody knows where. */
export function unsend(pending: Pending): void {
  pending.isDirty = true;
  pending.tickets = [...pending.sent, ...pending.tickets];
  pending.sent = [];
}

export function carried(
  slot: number,
  [key, session]: readonly [string, Session],
  now: number,
): CarriedSession {
  const { text, formatVersion, used } = session;
  return { slot, key, text, formatVersion, unused: Math.max(0, now - used) };
}

export function arrived({ text, formatVersion, unused }: CarriedSession, now: number): Session {
  return { text, formatVersion, used: now - unused, told: now - unused };
}
