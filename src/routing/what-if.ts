/**
 * What would become of a user, and of all the others, if instances were added or removed: the table that would follow
 * from the one in force, made as the controller would make it. Pure.
 */
import { UserError } from '../app/failure.ts';
import { isCopied } from './hand-over/copied-table.ts';
import { expectedTable } from './hand-over/expected-table.ts';
import { movedSlots, ownerOfSlot, SLOTS, slotCounts, type OwnerTable } from './owner-table.ts';
import { kindOf, makeTable } from './tables/make-table.ts';

/** As many are asked about at most. */
const MOST_ADDED = 1_000;

export interface WhatIf {
  /** As they were asked about. */
  readonly changes: readonly string[];
  /** Who would be members then. */
  readonly members: readonly string[];
  /** Who would own the user's slot; undefined for nobody. */
  readonly owner: string | undefined;
  /** Slots that would have another owner, and their share of all, 0 to 1. */
  readonly movedSlots: number;
  readonly movedShare: number;
  /** Users with a session at an instance that goes, or whose slot moves with it; undefined when it is not known. */
  readonly users: number | undefined;
  /** What that means for this user, and for the others. */
  readonly words: readonly string[];
}

export interface Question {
  /** Such as `+1`, which adds instances, and `-login-2`, which removes one. */
  readonly changes: readonly string[];
  readonly slot: number;
  /** Where the user has a session, if that is at an instance of its own. */
  readonly pin: string | undefined;
  /** Users with a session by instance, as far as is known. */
  readonly users: Readonly<Record<string, number>>;
  /** How many slots at a time are handed over there, by services that do. */
  readonly slotsAtATime: number;
}

/** @throws UserError for a change that is not one, or is about an instance that the table does not name */
export function whatIf(table: OwnerTable, question: Question): WhatIf {
  const { changes, slot } = question;
  const members = membersAfter(table, changes);
  const next = tableFor(table, members, question.slotsAtATime);
  const owner = ownerOfSlot(next, slot);
  const moved = movedSlots(table, next);
  const users = affectedUsers(table, next, question.users);
  const movedShare = moved / SLOTS;
  return {
    changes,
    members,
    owner,
    movedSlots: moved,
    movedShare,
    users,
    words: [userWords(table, members, owner, question), othersWords(table, moved, users)],
  };
}

function tableFor(table: OwnerTable, members: readonly string[], slotsAtATime: number): OwnerTable {
  if (isCopied(table)) return expectedTable(table, members, slotsAtATime);
  const weights = new Map(table.owners.map((id, index) => [id, table.weights?.[index] ?? 1]));
  const weighted = members.map((id) => ({ id, weight: weights.get(id) ?? 1 }));
  return makeTable(kindOf(table), table, table.service, weighted);
}

function membersAfter(table: OwnerTable, changes: readonly string[]): string[] {
  let members = [...table.owners];
  for (const change of changes) {
    const added = /^\+(\d{1,4})$/.exec(change)?.[1];
    if (added !== undefined) members = withNew(table.service, members, Number(added));
    else if (change.startsWith('-')) members = without(members, change.slice(1));
    else throw new UserError(`${change}: say +1 for one more instance, or -INSTANCE for one that goes`);
  }
  return members;
}

/** Names as a machine gives them; on a cluster they stand for names that are not known yet. */
function withNew(service: string, members: readonly string[], count: number): string[] {
  if (count < 1 || count > MOST_ADDED)
    throw new UserError(`+${count}: from 1 to ${MOST_ADDED} instances can be added`);
  const taken = new Set(members);
  const names: string[] = [];
  for (let n = 1; names.length < count; n += 1)
    if (!taken.has(`${service}-${n}`)) names.push(`${service}-${n}`);
  return [...members, ...names];
}

function without(members: readonly string[], id: string): string[] {
  if (!members.includes(id))
    throw new UserError(`-${id}: there is no such owner; the owners are ${members.join(', ') || 'nobody'}`);
  return members.filter((member) => member !== id);
}

/** Pinned users are affected when their instance goes; those of a service that hands over when their slot moves. */
function affectedUsers(
  table: OwnerTable,
  next: OwnerTable,
  users: Readonly<Record<string, number>>,
): number | undefined {
  if (!table.owners.every((id) => users[id] !== undefined)) return undefined;
  const gone = table.owners.filter((id) => !next.owners.includes(id));
  if (!isCopied(table)) return gone.reduce((sum, id) => sum + (users[id] ?? 0), 0);
  const counts = slotCounts(table);
  const left = table.owners.map(
    (_, index) => lostSlots(table, next, index) / Math.max(1, counts[index] ?? 0),
  );
  return Math.round(table.owners.reduce((sum, id, index) => sum + (users[id] ?? 0) * (left[index] ?? 0), 0));
}

function lostSlots(table: OwnerTable, next: OwnerTable, owner: number): number {
  const same = next.owners.indexOf(table.owners[owner] ?? '');
  return table.slots.reduce(
    (sum, is, slot) => sum + (is === owner && (same === -1 || next.slots[slot] !== same) ? 1 : 0),
    0,
  );
}

function userWords(
  table: OwnerTable,
  members: readonly string[],
  owner: string | undefined,
  { slot, pin }: Question,
): string {
  const before = ownerOfSlot(table, slot);
  const to = owner ?? 'nobody';
  if (isCopied(table))
    return owner === before ? `the user stays at ${to}` : `the user's session is handed over to ${to}`;
  const then = owner === before ? `the slot stays with ${to}` : `the slot moves to ${to}`;
  if (pin === undefined) return `${then}; the user has no session that would keep them elsewhere`;
  return members.includes(pin)
    ? `the user stays at ${pin} while the session is in use; ${then}`
    : `the user stays at ${pin} until the session is idle or ${pin} may wait no longer; ${then}`;
}

function othersWords(table: OwnerTable, moved: number, users: number | undefined): string {
  const slots = `${moved} of ${SLOTS} slots move (${((100 * moved) / SLOTS).toFixed(1)} %)`;
  if (users === undefined) return slots;
  return isCopied(table)
    ? `${slots}, with about ${users} sessions`
    : `${slots}; ${users === 0 ? 'all' : `${users} users have a session at an instance that goes, all other`} users with a session stay`;
}
