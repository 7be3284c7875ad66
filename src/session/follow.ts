/**
 * What becomes of an instance's hold on a slot when a table is told. Nothing but the table decides: it says since when
 * the instance has been a member, and so whether what it has is still everything. A table may be about every slot, and
 * users wait until it is followed: hence little is made for a slot of which nobody waits for anything.
 */
import { newHold, NO_TICKETS, takeTickets, unsend, type Hold, type Sessions } from './hold.ts';
import { memberSince, type Member, type Seat } from './told-table.ts';

export interface Imported {
  readonly epoch: number;
  readonly sessions: Sessions | undefined;
}

export interface Change {
  readonly slot: number;
  /** Incarnation of this instance. */
  readonly self: string;
  readonly seat: Seat;
  /** What was imported for this slot under the seat's term, or when this instance became a member. */
  readonly imported: Imported | undefined;
  /** The next stint, if one begins. */
  readonly stint: number;
  readonly servesFrom: ServesFrom;
}

/** From when on an instance may serve a slot: after a hand-over, after it took over from an owner, or without any session. */
export interface ServesFrom {
  readonly imported: number;
  readonly takenOver: (from: Member) => number;
  readonly empty: (slot: number) => number;
}

export interface Followed {
  readonly hold: Hold | undefined;
  /** Tickets of writes that are acknowledged now. */
  readonly settled: readonly number[];
  /** Tickets of writes of which nobody here will know what has become. */
  readonly lost: readonly number[];
}

export function follow(held: Hold | undefined, change: Change): Followed {
  const { slot, self, seat } = change;
  const { owner } = seat;
  const since = memberSince(seat, self);
  if (owner === undefined || since === undefined)
    return { hold: undefined, settled: NO_TICKETS, lost: ticketsOf(held) };
  const kept = held?.since === since ? held : undefined;
  const dropped = kept === undefined ? ticketsOf(held) : NO_TICKETS;
  const hold = kept ?? newHold(slot, owner);
  hold.since = since;
  const { settled, lost } =
    owner.incarnation === self ? own(hold, owner, change) : second(hold, owner, change);
  return { hold, settled, lost: dropped.length === 0 ? lost : [...dropped, ...lost] };
}

function ticketsOf(hold: Hold | undefined): readonly number[] {
  return hold === undefined ? NO_TICKETS : takeTickets(hold);
}

type Tickets = Omit<Followed, 'hold'>;

const NOBODY_WAITED: Tickets = { settled: NO_TICKETS, lost: NO_TICKETS };

function own(hold: Hold, owner: Member, change: Change): Tickets {
  const { seat } = change;
  const goesOn = hold.role === 'owner';
  if (!goesOn) beginToOwn(hold, change);
  const { exported } = hold;
  hold.isCopied = exported?.epoch === seat.term && exported.to === seat.second?.incarnation;
  if (hold.isCopied) hold.isProven = true;
  hold.term = seat.term;
  hold.owner = owner;
  hold.second = seat.second;
  if (seat.second !== undefined) {
    if (hold.pending !== undefined) for (const pending of hold.pending.values()) unsend(pending);
    return NOBODY_WAITED;
  }
  hold.isProven = true;
  return { settled: takeTickets(hold), lost: NO_TICKETS };
}

function beginToOwn(hold: Hold, { imported, servesFrom, stint }: Change): void {
  const takesOver = hold.isCurrent;
  hold.role = 'owner';
  hold.stint = stint;
  hold.running = 0;
  hold.frozenFor = 0;
  hold.exported = undefined;
  hold.staging = undefined;
  hold.isCurrent = true;
  if (imported !== undefined) {
    hold.sessions = imported.sessions;
    hold.isProven = true;
    hold.servesFrom = servesFrom.imported;
  } else if (takesOver) {
    hold.isProven = false;
    hold.servesFrom = servesFrom.takenOver(hold.owner);
  } else {
    hold.sessions = undefined;
    hold.isProven = true;
    hold.servesFrom = servesFrom.empty(hold.slot);
  }
}

function second(hold: Hold, owner: Member, { seat, imported }: Change): Tickets {
  const lost = takeTickets(hold);
  hold.role = 'second';
  hold.term = seat.term;
  hold.owner = owner;
  hold.second = seat.second;
  hold.frozenFor = 0;
  hold.exported = undefined;
  hold.staging = undefined;
  hold.isCopied = imported !== undefined;
  if (imported !== undefined) {
    hold.sessions = imported.sessions;
    hold.isCurrent = true;
  }
  return { settled: NO_TICKETS, lost };
}
