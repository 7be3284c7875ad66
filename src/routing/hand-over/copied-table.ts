/**
 * The owner table of a service that hands sessions over. Besides its owner a slot has a second owner, who has a
 * copy of the slot's sessions, a term, and for both the epoch from which on they have been members; by these
 * whoever is told about a slot knows what is newer (docs/hand-over.md). Members are told apart by incarnation:
 * one that started again has forgotten everything, whatever its id.
 */
import { deflateSync } from 'node:zlib';
import { decodeToldTable, type EncodedToldTable, type Member } from '../../session/told-table.ts';
import { decodeCompact } from './compact-table.ts';
import {
  decodeTable,
  encodeTable,
  NOBODY,
  SLOTS,
  type EncodedTable,
  type OwnerTable,
} from '../owner-table.ts';

export interface CopiedTable extends OwnerTable {
  /** Everyone the table names, in the order of `owners`, which has their ids. */
  readonly members: readonly Member[];
  /** Incarnations that are known to have ended, the latest last. */
  readonly gone: readonly string[];
  /** Per slot the index of who has the copy, or `NOBODY`. Not to be written to, as all that follow. */
  readonly seconds: Uint16Array;
  /** Per slot the epoch in which owner or second owner last changed. */
  readonly terms: Uint32Array;
  /** Per slot the epoch from which on the owner has been one of the two without a break; 0 for nobody. */
  readonly ownerSince: Uint32Array;
  readonly secondSince: Uint32Array;
}

/** Who a slot belongs to, by incarnation; undefined for nobody. */
export interface Assignment {
  readonly owner: string | undefined;
  readonly second: string | undefined;
}

/** A table in JSON; what only a router needs is there as in any other table. */
export interface EncodedCopiedTable extends EncodedTable {
  readonly copies: Omit<EncodedToldTable, 'service' | 'epoch'>;
}

export function isCopied(table: OwnerTable | undefined): table is CopiedTable {
  return table !== undefined && 'seconds' in table;
}

export function assignmentOf(table: CopiedTable, slot: number): Assignment {
  return {
    owner: table.members[table.slots[slot] ?? NOBODY]?.incarnation,
    second: table.members[table.seconds[slot] ?? NOBODY]?.incarnation,
  };
}

const BYTES_PER_SLOT = 16;

/** The table as instances are told it. */
export function toldForm(table: CopiedTable): EncodedToldTable {
  const bytes = new DataView(new ArrayBuffer(SLOTS * BYTES_PER_SLOT));
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const at = slot * BYTES_PER_SLOT;
    bytes.setUint16(at, table.slots[slot] ?? NOBODY, true);
    bytes.setUint16(at + 2, table.seconds[slot] ?? NOBODY, true);
    bytes.setUint32(at + 4, table.terms[slot] ?? 0, true);
    bytes.setUint32(at + 8, table.ownerSince[slot] ?? 0, true);
    bytes.setUint32(at + 12, table.secondSince[slot] ?? 0, true);
  }
  return {
    service: table.service,
    epoch: table.epoch,
    instances: Object.fromEntries(table.members.map(({ id, ...member }) => [id, member])),
    gone: table.gone,
    slots: deflateSync(bytes, { level: 1 }).toString('base64'),
  };
}

/** A table as it is stored, with or without copies. */
export function encodeStored(table: OwnerTable): EncodedTable | EncodedCopiedTable {
  return isCopied(table) ? withCopies(table, toldForm(table)) : encodeTable(table);
}

/** As `encodeStored`, for whoever has the other form already. */
export function withCopies(
  table: CopiedTable,
  { instances, gone, slots }: EncodedToldTable,
): EncodedCopiedTable {
  return { ...encodeTable(table), copies: { instances, gone, slots } };
}

/** @throws OperationError when `value` is not a table in one of these forms */
export function decodeStored(value: unknown): OwnerTable | CopiedTable {
  const { copies, ...plain } = (value ?? {}) as Partial<EncodedCopiedTable>;
  if (copies !== undefined && 'planes' in copies) return decodeCompact(value);
  const table = decodeTable(plain);
  if (copies === undefined) return table;
  const told = decodeToldTable({ service: table.service, epoch: table.epoch, ...copies });
  const { members, seconds, terms, ownerSince, secondSince } = told;
  const owners = members.map(({ id }) => id);
  return {
    ...table,
    owners,
    slots: told.owners,
    members,
    gone: [...told.gone],
    seconds,
    terms,
    ownerSince,
    secondSince,
  };
}

/**
 * Who has what, as arrays that may be written to: the draft of a table. Those whom the table before names come first
 * and keep their places.
 */
export interface Draft {
  readonly members: readonly Member[];
  /** By slot: index into `members`, or `NOBODY`. */
  readonly owners: Uint16Array;
  readonly seconds: Uint16Array;
}

/** The places of a slot's two, each `NOBODY` for nobody. */
export function placesAt({ owners, seconds }: Draft, slot: number): { owner: number; second: number } {
  return { owner: owners[slot] ?? NOBODY, second: seconds[slot] ?? NOBODY };
}

/** A draft that changes nothing. @param more who may be named besides those that the table names */
export function draftOf(table: CopiedTable | undefined, more: readonly Member[]): Draft {
  const named = new Set(table?.members.map(({ incarnation }) => incarnation));
  return {
    members: [...(table?.members ?? []), ...more.filter(({ incarnation }) => !named.has(incarnation))],
    owners: table?.slots.slice() ?? new Uint16Array(SLOTS).fill(NOBODY),
    seconds: table?.seconds.slice() ?? new Uint16Array(SLOTS).fill(NOBODY),
  };
}

/** What is known about the next table besides who has what. */
export interface Following {
  readonly service: string;
  /** Who has ended since. */
  readonly gone?: readonly string[];
  /** An epoch that is in use already though the table before does not know it. */
  readonly after?: number;
}

/** So many of those that have ended are remembered: instances ask only about owners of the table before. */
const GONE_KEPT = 200;

/** The table that follows `previous`, of which `draft` was made. It names those only who have a slot. */
export function followingTable(
  previous: CopiedTable | undefined,
  draft: Draft,
  { service, gone = [], after = 0 }: Following,
): CopiedTable {
  const before = previous ?? NO_TABLE;
  const epoch = Math.max(before.epoch, after) + 1;
  const { members, places } = namedMembers(draft);
  const table: CopiedTable = {
    service,
    epoch,
    owners: members.map(({ id }) => id),
    members,
    gone: [...new Set([...before.gone, ...gone])].slice(-GONE_KEPT),
    slots: renumbered(draft.owners, places),
    seconds: renumbered(draft.seconds, places),
    terms: new Uint32Array(SLOTS),
    ownerSince: new Uint32Array(SLOTS),
    secondSince: new Uint32Array(SLOTS),
  };
  // Users wait for this: nothing is made for a slot but its numbers.
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const owner = draft.owners[slot] ?? NOBODY;
    const second = draft.seconds[slot] ?? NOBODY;
    table.terms[slot] = termOf(before, slot, owner, second) ?? epoch;
    table.ownerSince[slot] = sinceOf(before, slot, owner) ?? epoch;
    table.secondSince[slot] = sinceOf(before, slot, second) ?? epoch;
  }
  return table;
}

function renumbered(numbers: Uint16Array, places: Uint16Array): Uint16Array {
  const found = new Uint16Array(SLOTS);
  for (let slot = 0; slot < SLOTS; slot += 1) found[slot] = places[numbers[slot] ?? NOBODY] ?? NOBODY;
  return found;
}

/** Undefined when one of the two has changed. */
function termOf(before: typeof NO_TABLE, slot: number, owner: number, second: number): number | undefined {
  return before.slots[slot] === owner && before.seconds[slot] === second ? before.terms[slot] : undefined;
}

/** What there is before the first table: it knows of no slot. */
const NO_TABLE: Pick<
  CopiedTable,
  'epoch' | 'gone' | 'slots' | 'seconds' | 'terms' | 'ownerSince' | 'secondSince'
> = {
  epoch: 0,
  gone: [],
  slots: new Uint16Array(),
  seconds: new Uint16Array(),
  terms: new Uint32Array(),
  ownerSince: new Uint32Array(),
  secondSince: new Uint32Array(),
};

/** It is carried over when a member stays a member, whether as owner or as second owner; 0 for nobody. */
function sinceOf(before: typeof NO_TABLE, slot: number, place: number): number | undefined {
  if (place === NOBODY) return 0;
  if (place === before.slots[slot]) return before.ownerSince[slot];
  return place === before.seconds[slot] ? before.secondSince[slot] : undefined;
}

/** Those who have a slot, by their ids, and by index into the draft's members the place of each. */
function namedMembers({ members, owners, seconds }: Draft): { members: Member[]; places: Uint16Array } {
  const used = new Uint8Array(NOBODY + 1);
  for (let slot = 0; slot < SLOTS; slot += 1) {
    used[owners[slot] ?? NOBODY] = 1;
    used[seconds[slot] ?? NOBODY] = 1;
  }
  const named = members
    .map((member, index) => ({ member, index }))
    .filter(({ index }) => used[index] === 1)
    .toSorted((a, b) => (a.member.id < b.member.id ? -1 : 1));
  const places = new Uint16Array(NOBODY + 1).fill(NOBODY);
  named.forEach(({ index }, place) => (places[index] = place));
  return { members: named.map(({ member }) => member), places };
}
