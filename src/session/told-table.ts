/**
 * The table as an instance is told it: for each slot who owns it, who has the copy, and since when. Instances are
 * told apart by incarnation, a random name that a process gives itself: one that restarted has forgotten its
 * sessions and is another instance, whatever its id. A table is never changed in place.
 */
import { inflateSync } from 'node:zlib';
import { OperationError } from '../app/failure.ts';
import { SLOTS } from './slot.ts';

/** In place of an index: no instance. */
export const NOBODY = 0xffff;
const BYTES_PER_SLOT = 16;

/** An instance that a table names. */
export interface Member {
  readonly id: string;
  readonly incarnation: string;
  /** Where it speaks the hand-over protocol, `http://HOST:PORT`. */
  readonly url: string;
  /** Where it serves users, `http://HOST:PORT`. */
  readonly http: string;
}

export interface ToldTable {
  readonly service: string;
  /** Grows with every change; at least 1. */
  readonly epoch: number;
  readonly members: readonly Member[];
  /** Incarnations that are known to have ended. */
  readonly gone: ReadonlySet<string>;
  /** By slot: index into `members`, or `NOBODY`. */
  readonly owners: Uint16Array;
  readonly seconds: Uint16Array;
  /** By slot: the epoch in which owner or second owner last changed. */
  readonly terms: Uint32Array;
  /** By slot: the epoch from which on the owner has been owner or second owner without a break; 0 for nobody. */
  readonly ownerSince: Uint32Array;
  readonly secondSince: Uint32Array;
}

/** What a table says about one slot. */
export interface Seat {
  readonly owner: Member | undefined;
  readonly second: Member | undefined;
  readonly term: number;
  readonly ownerSince: number;
  readonly secondSince: number;
}

/** A table in JSON: `slots` is base64 of deflated (RFC 1950) bytes, 16 for each slot. */
export interface EncodedToldTable {
  readonly service: string;
  readonly epoch: number;
  readonly instances: Readonly<Record<string, Omit<Member, 'id'>>>;
  readonly gone: readonly string[];
  readonly slots: string;
}

export function seatOf(table: ToldTable, slot: number): Seat {
  return {
    owner: table.members[table.owners[slot] ?? NOBODY],
    second: table.members[table.seconds[slot] ?? NOBODY],
    term: table.terms[slot] ?? 0,
    ownerSince: table.ownerSince[slot] ?? 0,
    secondSince: table.secondSince[slot] ?? 0,
  };
}

/** The epoch from which on an instance is a member of the slot without a break; undefined if it is none. */
export function memberSince(seat: Seat, incarnation: string): number | undefined {
  if (seat.owner?.incarnation === incarnation) return seat.ownerSince;
  return seat.second?.incarnation === incarnation ? seat.secondSince : undefined;
}

/** @throws OperationError when `value` is not a table in the form of `EncodedToldTable` */
export function decodeToldTable(value: unknown): ToldTable {
  if (!isEncoded(value)) throw refused('service, epoch, instances, gone and slots are needed');
  const members = Object.entries(value.instances).map(([id, member]) => toMember(id, member));
  const slots = inflated(value.slots);
  const table: ToldTable = {
    service: value.service,
    epoch: value.epoch,
    members,
    gone: new Set(value.gone),
    owners: new Uint16Array(SLOTS),
    seconds: new Uint16Array(SLOTS),
    terms: new Uint32Array(SLOTS),
    ownerSince: new Uint32Array(SLOTS),
    secondSince: new Uint32Array(SLOTS),
  };
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const at = slot * BYTES_PER_SLOT;
    table.owners[slot] = memberIndex(slots.getUint16(at, true), members);
    table.seconds[slot] = memberIndex(slots.getUint16(at + 2, true), members);
    table.terms[slot] = slots.getUint32(at + 4, true);
    table.ownerSince[slot] = slots.getUint32(at + 8, true);
    table.secondSince[slot] = slots.getUint32(at + 12, true);
  }
  return table;
}

function memberIndex(index: number, members: readonly Member[]): number {
  if (index !== NOBODY && index >= members.length) throw refused(`there is no instance ${index}`);
  return index;
}

function inflated(slots: string): DataView {
  const length = SLOTS * BYTES_PER_SLOT;
  try {
    const bytes = inflateSync(Buffer.from(slots, 'base64'), { maxOutputLength: length });
    if (bytes.length !== length) throw refused(`${bytes.length} bytes of slots instead of ${length}`);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  } catch (cause) {
    if (cause instanceof OperationError) throw cause;
    throw refused('the slots cannot be inflated', cause);
  }
}

function toMember(id: string, value: unknown): Member {
  if (!isRecord(value)) throw refused(`instance ${id} is not an object`);
  const { incarnation, url, http } = value;
  if (typeof incarnation !== 'string' || typeof url !== 'string' || typeof http !== 'string') {
    throw refused(`instance ${id} needs incarnation, url and http`);
  }
  return { id, incarnation, url, http };
}

function isEncoded(value: unknown): value is EncodedToldTable {
  return (
    isRecord(value) &&
    typeof value['service'] === 'string' &&
    Number.isInteger(value['epoch']) &&
    Number(value['epoch']) >= 1 &&
    isRecord(value['instances']) &&
    Array.isArray(value['gone']) &&
    typeof value['slots'] === 'string'
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(what: string, cause?: unknown): OperationError {
  return new OperationError(`This is not a table: ${what}`, { cause });
}
