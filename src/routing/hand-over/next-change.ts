/**
 * How the table of a service that hands sessions over gets to where it should be: the next change, from the
 * table in force and what is known of the instances. Pure, and level-based: nothing is remembered between
 * two changes, so whoever takes over goes on from the table in force.
 *
 * What always holds: a slot leaves an owner that lives only by a hand-over, and a second owner that may live only
 * after another one has the copy. Who is replaced without either has ended, or is silent and somebody who has
 * everything takes over.
 */
import type { Member } from '../../session/told-table.ts';
import { NOBODY, SLOTS } from '../owner-table.ts';
import { draftOf, followingTable, placesAt, type CopiedTable, type Draft } from './copied-table.ts';
import { bestSeconds } from './second-owners.ts';
import { chooseMove, evenShares, fill } from './shares.ts';

/**
 * Slots that one hand-over moves at most: their users wait while it goes on, and with fewer slots fewer of them do, for
 * less time. On a cluster a table takes its time to be stored, however little it moves, so that there are fewer steps.
 */
export const SLOTS_AT_A_TIME = { machine: Math.ceil(SLOTS / 32), cluster: Math.ceil(SLOTS / 8) } as const;

/** An instance that has not ended, as far as anybody knows. */
export interface Participant {
  readonly member: Member;
  /**
   * - `member`: may own slots
   * - `leaving`: serves what it has until that is handed over
   * - `silent`: does not answer, and may be alive or not
   */
  readonly state: 'member' | 'leaving' | 'silent';
  /** Of the table that it knows; 0 for none. */
  readonly epoch: number;
  /** Slots that the table gives it and that it has not everything of. */
  readonly lacking: ReadonlySet<number>;
  /** The machine that it runs on, where there are several: no slot has both its members there if that can be helped. */
  readonly node?: string;
}

export interface Situation {
  readonly service: string;
  readonly inForce: CopiedTable | undefined;
  /** By incarnation. What the table names and is not here has ended. */
  readonly participants: ReadonlyMap<string, Participant>;
  /** Somebody is handing slots over just now. */
  readonly isBusy: boolean;
  /** Some slot is frozen for an epoch that has not come. */
  readonly isFrozen: boolean;
  /** Slots that were too busy to be handed over just now. */
  readonly postponed: ReadonlySet<number>;
  /** How many slots one change may hand over, at least 1. */
  readonly limit: number;
  /** The greatest epoch that anybody knows. */
  readonly after: number;
}

/** Asks the owner `from` to give slots to `to`, under the epoch after the one in force. */
export interface HandOver {
  readonly kind: 'hand-over';
  readonly service: string;
  readonly epoch: number;
  readonly from: Member;
  readonly to: Member;
  readonly as: 'owner' | 'second';
  /** At least one; ascending. */
  readonly slots: readonly number[];
}

export interface Publish {
  readonly kind: 'publish';
  readonly table: CopiedTable;
  readonly reason: string;
}

export type Change = Publish | HandOver;

/** What to do next; undefined when the table is as it should be, or nothing can be done now. */
export function nextChange(situation: Situation): Change | undefined {
  const view = viewOf(situation);
  const lost = replaceLost(view);
  if (lost !== undefined || situation.isBusy) return lost;
  return callOff(view) ?? handOver(view) ?? moveCopies(view);
}

/** The table once `to` has been sent these slots' sessions: one member that has everything stays a member. */
export function afterHandOver(
  inForce: CopiedTable,
  { to, as }: Pick<HandOver, 'to' | 'as'>,
  slots: readonly number[],
): CopiedTable {
  const draft = draftOf(inForce, [to]);
  const { owners, seconds, members } = draft;
  const taker = members.findIndex(({ incarnation }) => incarnation === to.incarnation);
  for (const slot of slots) {
    if (as === 'second') {
      seconds[slot] = taker;
      continue;
    }
    const { owner, second } = placesAt(draft, slot);
    owners[slot] = taker;
    if (second === NOBODY || second === taker) seconds[slot] = owner;
  }
  return followingTable(inForce, draft, { service: inForce.service });
}

/** The table in which nobody has anything: the application ends, and its sessions with it. */
export function tableOfNobody(inForce: CopiedTable): CopiedTable {
  const draft = draftOf(undefined, []);
  return followingTable(inForce, draft, { service: inForce.service });
}

/** The situation by places in a draft that changes nothing yet. */
interface View {
  readonly situation: Situation;
  readonly draft: Draft;
  /** By place; undefined has ended. */
  readonly participants: readonly (Participant | undefined)[];
  /** Places of those that may own slots, in the order of their ids. */
  readonly able: readonly number[];
}

function viewOf(situation: Situation): View {
  const { inForce, participants: all } = situation;
  const draft = draftOf(
    inForce,
    [...all.values()].map(({ member }) => member),
  );
  const participants = draft.members.map(({ incarnation }) => all.get(incarnation));
  const able = draft.members
    .map(({ id }, place) => ({ id, place }))
    .filter(({ place }) => participants[place]?.state === 'member')
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ place }) => place);
  return { situation, draft, participants, able };
}

function nodesOf({ participants }: View): (string | undefined)[] {
  return participants.map((participant) => participant?.node);
}

function isHeard({ participants }: View, place: number): boolean {
  const state = participants[place]?.state;
  return state === 'member' || state === 'leaving';
}

/** The first table, and one without those that are lost: the second owner takes over, somebody else has the copy. */
function replaceLost(view: View): Publish | undefined {
  const { draft, able, participants, situation } = view;
  const { inForce, service, after } = situation;
  const { owners, seconds } = draft;
  const empty = dropLost(view);
  if (empty === undefined) return undefined;
  fill(owners, able, empty);
  const best = bestSeconds(draft, able, nodesOf(view));
  for (let slot = 0; slot < SLOTS; slot += 1)
    if (seconds[slot] === NOBODY && owners[slot] !== NOBODY) seconds[slot] = best[slot] ?? NOBODY;
  const gone = draft.members.filter((_, place) => participants[place] === undefined);
  const withoutCopy =
    inForce === undefined ? 0 : empty.filter((slot) => inForce.slots[slot] !== NOBODY).length;
  return {
    kind: 'publish',
    table: followingTable(inForce, draft, {
      service,
      gone: gone.map(({ incarnation }) => incarnation),
      after,
    }),
    reason: lostReason(inForce, gone.length, withoutCopy),
  };
}

/** Takes out of the draft who is lost; gives the slots that nobody has then, undefined when nobody is lost. */
function dropLost(view: View): number[] | undefined {
  const { owners, seconds } = view.draft;
  const [heard, living] = standings(view);
  const empty: number[] = [];
  let isLost = false;
  for (let slot = 0; slot < SLOTS; slot += 1) {
    // Mostly so, and this is asked of every slot in every round.
    if (heard[owners[slot] ?? NOBODY] === 1 && living[seconds[slot] ?? NOBODY] === 1) continue;
    const replaced = replacement(view, slot);
    if (replaced === 'nobody') continue;
    isLost = true;
    owners[slot] = replaced;
    seconds[slot] = NOBODY;
    if (replaced === NOBODY) empty.push(slot);
  }
  return isLost ? empty : undefined;
}

/** By place, 1 for whoever is heard, and 1 for whoever is not known to have ended, as for nobody. */
function standings(view: View): [heard: Uint8Array, living: Uint8Array] {
  const heard = new Uint8Array(NOBODY + 1);
  const living = new Uint8Array(NOBODY + 1);
  view.participants.forEach((participant, place) => {
    heard[place] = Number(isHeard(view, place));
    living[place] = Number(participant !== undefined);
  });
  living[NOBODY] = 1;
  return [heard, living];
}

/** Who is to own a slot that has lost a member; `NOBODY` for whoever has room, and the word when no member is lost. */
function replacement(view: View, slot: number): number | 'nobody' {
  const { draft, participants, able } = view;
  const { owner, second } = placesAt(draft, slot);
  if (isHeard(view, owner)) return second === NOBODY || participants[second] ? 'nobody' : owner;
  if (isHeard(view, second)) return isLeftToOwner(view, slot) ? 'nobody' : second;
  const mayLive = participants[owner] !== undefined || participants[second] !== undefined;
  return mayLive || able.length === 0 ? 'nobody' : NOBODY;
}

/** A silent owner may be alive, and so may be all that there is of the slot's sessions. */
function isLeftToOwner({ draft, participants, situation }: View, slot: number): boolean {
  const { owner, second } = placesAt(draft, slot);
  const since = situation.inForce?.secondSince[slot] ?? 0;
  return participants[owner] !== undefined && !hasEverything(participants[second], slot, since);
}

/** By its own word. Whoever knows an older table than the one that made it a member lacks what came with that. */
function hasEverything(participant: Participant | undefined, slot: number, since: number): boolean {
  return participant !== undefined && participant.epoch >= since && !participant.lacking.has(slot);
}

function lostReason(inForce: CopiedTable | undefined, gone: number, withoutCopy: number): string {
  if (inForce === undefined || inForce.members.length === 0) return 'the first owners';
  const words = gone === 0 ? 'a silent instance is replaced' : `${gone} ended`;
  return withoutCopy === 0 ? words : `${words}; the sessions of ${withoutCopy} slots are lost`;
}

/** Nothing moves, but the epoch under which slots were frozen is used up. */
function callOff({ situation, draft }: View): Publish | undefined {
  const { inForce, isFrozen, service, after } = situation;
  if (inForce === undefined || !(isFrozen || after > inForce.epoch)) return undefined;
  const table = followingTable(inForce, draft, { service, after });
  return { kind: 'publish', table, reason: 'a hand-over was left half done' };
}

/** From one owner to another; from those first that are to leave. */
function handOver(view: View): HandOver | undefined {
  const { draft, able, participants, situation } = view;
  const { limit, postponed } = situation;
  if (able.length === 0) return undefined;
  const shares = evenShares(draft, able);
  const givers = [...participants.keys()].filter((place) => isHeard(view, place));
  const isLeaving = (place: number): boolean => participants[place]?.state === 'leaving';
  const move = chooseMove(draft, shares, { givers, isLeaving, limit, postponed });
  return move && requestOf(view, { ...move, as: 'owner' });
}

function moveCopies(view: View): Change | undefined {
  const { draft, able, situation } = view;
  const { inForce, service, limit } = situation;
  const { owners, seconds } = draft;
  const best = bestSeconds(draft, able, nodesOf(view));
  const moves = new Map<number, number[]>();
  const dropped: number[] = [];
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const [owner = NOBODY, to = NOBODY] = [owners[slot], best[slot]];
    if (to === seconds[slot] || !isHeard(view, owner)) continue;
    if (to === NOBODY) dropped.push(slot);
    else gather(moves, owner * (NOBODY + 1) + to, slot);
  }
  const [first] = moves;
  if (first !== undefined) {
    const [pair, slots] = first;
    const [from, to] = [Math.floor(pair / (NOBODY + 1)), pair % (NOBODY + 1)];
    return requestOf(view, { from, to, as: 'second', slots: slots.slice(0, limit) });
  }
  if (dropped.length === 0) return undefined;
  for (const slot of dropped) seconds[slot] = NOBODY;
  return {
    kind: 'publish',
    table: followingTable(inForce, draft, { service }),
    reason: 'nobody is left to have a copy',
  };
}

function gather(moves: Map<number, number[]>, pair: number, slot: number): void {
  const slots = moves.get(pair);
  if (slots === undefined) moves.set(pair, [slot]);
  else slots.push(slot);
}

function requestOf(
  { draft, situation }: View,
  move: { from: number; to: number; as: HandOver['as']; slots: readonly number[] },
): HandOver | undefined {
  const [from, to] = [draft.members[move.from], draft.members[move.to]];
  const { service, inForce } = situation;
  if (from === undefined || to === undefined || inForce === undefined) return undefined;
  return { kind: 'hand-over', service, epoch: inForce.epoch + 1, from, to, as: move.as, slots: move.slots };
}
