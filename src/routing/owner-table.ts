/**
 * Who owns which user. A key is hashed to one of 65,537 slots (a prime, as in Maglev's large table),
 * and a slot is owned by one instance or by nobody. The table is durable state: it is made once by the
 * controller, has an epoch that only grows, and every router works by the same one. A table is never
 * changed in place.
 */
import { z } from 'zod';
import { defined } from '../app/defined.ts';
import { OperationError } from '../app/failure.ts';
import type { TableKind } from '../app/model.ts';
import { xxh32 } from './xxh32.ts';

export const SLOTS = 65_537;
/** Value of a slot that nobody owns. */
export const NOBODY = 0xffff;

export interface OwnerTable {
  readonly service: string;
  /** How it was made; `steady` when that is not said. */
  readonly kind?: TableKind;
  /** Grows by one with every change; the first table has 1. */
  readonly epoch: number;
  /** Instance ids. */
  readonly owners: readonly string[];
  /** Of `owners`, in their order; where the next table follows from it, and not all are 1. */
  readonly weights?: readonly number[];
  /** Per slot the index into `owners`, or `NOBODY`. Not to be written to. */
  readonly slots: Uint16Array;
}

/** A table in JSON: `slots` is base64 of 65,537 little-endian 16-bit numbers (175 KB). */
export interface EncodedTable {
  readonly service: string;
  readonly kind?: TableKind;
  readonly epoch: number;
  readonly owners: readonly string[];
  readonly weights?: readonly number[];
  readonly slots: string;
}

const encodedTable = z.strictObject({
  service: z.string().min(1),
  kind: z.enum(['steady', 'maglev', 'ring', 'rendezvous']).optional(),
  epoch: z.int().min(1),
  owners: z.array(z.string().min(1)).max(NOBODY),
  weights: z.array(z.int().min(1)).optional(),
  slots: z.base64(),
});

/** The slot of a key, of a text from its UTF-8 bytes: what HAProxy's `xxh32,mod(65537)` gives. */
export function slotOf(key: string | Uint8Array): number {
  return xxh32(typeof key === 'string' ? Buffer.from(key, 'utf8') : key) % SLOTS;
}

/** The instance that owns a key; undefined when nobody does. */
export function ownerOf(table: OwnerTable, key: string): string | undefined {
  return ownerOfSlot(table, slotOf(key));
}

/** The instance that owns a slot; undefined when nobody does. */
export function ownerOfSlot(table: OwnerTable, slot: number): string | undefined {
  return table.owners[table.slots[slot] ?? NOBODY];
}

/** How many slots each owner has, in the order of `owners`. */
export function slotCounts(table: OwnerTable): number[] {
  const counts = Array.from({ length: table.owners.length }, () => 0);
  for (const owner of table.slots) {
    if (owner !== NOBODY) counts[owner] = (counts[owner] ?? 0) + 1;
  }
  return counts;
}

/** The slots that have another owner in `after` than in `before`; no table means that nobody owned any. */
export function changedSlots(before: OwnerTable | undefined, after: OwnerTable): number[] {
  const changed: number[] = [];
  // Numbers are compared, which is much faster than names.
  const numbers = new Map(after.owners.map((owner, number) => [owner, number]));
  const renumbered = (before?.owners ?? []).map((owner) => numbers.get(owner));
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const earlier = before?.slots[slot] ?? NOBODY;
    const now = earlier === NOBODY ? NOBODY : renumbered[earlier];
    if (now !== after.slots[slot]) changed.push(slot);
  }
  return changed;
}

/** How many slots have another owner in `after` than in `before`; no table means that nobody owned any. */
export function movedSlots(before: OwnerTable | undefined, after: OwnerTable): number {
  return changedSlots(before, after).length;
}

export function encodeTable(table: OwnerTable): EncodedTable {
  const bytes = Buffer.alloc(SLOTS * 2);
  table.slots.forEach((owner, slot) => bytes.writeUInt16LE(owner, slot * 2));
  return {
    service: table.service,
    ...defined({ kind: table.kind }),
    epoch: table.epoch,
    owners: [...table.owners],
    ...defined({ weights: table.weights }),
    slots: bytes.toString('base64'),
  };
}

/** @throws OperationError when `value` is not a table in the form of `EncodedTable`. */
export function decodeTable(value: unknown): OwnerTable {
  const parsed = encodedTable.safeParse(value);
  if (!parsed.success) throw damaged(z.prettifyError(parsed.error), parsed.error);
  const { service, kind, epoch, owners, weights } = parsed.data;
  const bytes = Buffer.from(parsed.data.slots, 'base64');
  if (bytes.length !== SLOTS * 2) {
    throw damaged(`${bytes.length} bytes of slots instead of ${SLOTS * 2}`);
  }
  if (new Set(owners).size !== owners.length) throw damaged('an owner is listed twice');
  if (weights !== undefined && weights.length !== owners.length)
    throw damaged(`${weights.length} weights of ${owners.length} owners`);
  const slots = Uint16Array.from({ length: SLOTS }, (_, slot) => bytes.readUInt16LE(slot * 2));
  const stray = slots.findIndex((owner) => owner !== NOBODY && owner >= owners.length);
  if (stray !== -1) throw damaged(`slot ${stray} belongs to an owner that is not listed`);
  return { service, epoch, owners, slots, ...defined({ kind, weights }) };
}

function damaged(what: string, cause?: unknown): OperationError {
  return new OperationError(`The stored owner table is damaged: ${what}`, { cause });
}
