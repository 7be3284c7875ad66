/**
 * What became of an owner table of late: one record a change, kept beside the table, the latest first. It is for people
 * who ask why a user is where they are; nothing is decided by it. Bounded: a record has its figures, and as long as
 * there is room also which slots moved, so that the last moves of one slot can be told.
 */
import { deflateSync, inflateSync } from 'node:zlib';
import { z } from 'zod';
import { changedSlots, NOBODY, ownerOfSlot, SLOTS, type OwnerTable } from './owner-table.ts';

/** So many changes are kept, */
const CHANGES_KEPT = 40;
/** so many characters of what says which slots moved, the latest change's always, */
const CHARACTERS_KEPT = 64 * 1024;
/** and so many lines of a change's figures. */
const FLOWS_KEPT = 20;

/** Slots that went from one instance to another; null is nobody. */
export interface Flow {
  readonly from: string | null;
  readonly to: string | null;
  readonly slots: number;
}

export interface TableChange {
  /** Of the table that it led to. */
  readonly epoch: number;
  /** Milliseconds since the epoch of 1970. */
  readonly at: number;
  readonly reason: string;
  /** How many slots have another owner since. */
  readonly moved: number;
  /** The largest ones. */
  readonly flows: readonly Flow[];
  /** Former owners, and by slot 0 for one that did not move, else 1 + the index into them (deflated, base64). */
  readonly former?: { readonly owners: readonly (string | null)[]; readonly slots: string };
}

/** One move of one slot. */
export interface SlotMove {
  readonly epoch: number;
  readonly at: number;
  readonly reason: string;
  readonly from: string | null;
  readonly to: string | null;
}

const instance = z.string().nullable();
const tableHistory = z.array(
  z.object({
    epoch: z.int(),
    at: z.number(),
    reason: z.string(),
    moved: z.int(),
    flows: z.array(z.object({ from: instance, to: instance, slots: z.int() })),
    former: z.object({ owners: z.array(instance), slots: z.base64() }).optional(),
  }),
);

/** The history with the change from `before` to `after`, if an owner has changed. */
export function withChange(
  history: readonly TableChange[],
  before: OwnerTable | undefined,
  after: OwnerTable,
  { at, reason }: Pick<TableChange, 'at' | 'reason'>,
): TableChange[] {
  // What was recorded for a table that then did not come into force is not told.
  const earlier = history.filter(({ epoch }) => epoch < after.epoch);
  const { former, slots, flows } = compared(before, after);
  const moved = flows.reduce((sum, flow) => sum + flow.slots, 0);
  if (moved === 0) return earlier;
  const largest = flows.toSorted((a, b) => b.slots - a.slots).slice(0, FLOWS_KEPT);
  const change = { epoch: after.epoch, at, reason, moved, flows: largest };
  const packed = deflateSync(new Uint8Array(slots.buffer), { level: 1 }).toString('base64');
  return bounded([{ ...change, former: { owners: former, slots: packed } }, ...earlier]);
}

/** The latest moves of a slot, the last one first, as far back as is known. */
export function movesOf(history: readonly TableChange[], table: OwnerTable, slot: number): SlotMove[] {
  const moves: SlotMove[] = [];
  let to = ownerOfSlot(table, slot) ?? null;
  for (const { epoch, at, reason, former } of history) {
    // From here on it is not known where the slot was.
    if (former === undefined) break;
    const index = formerIndexes(former.slots)?.getUint16(slot * 2, true) ?? 0;
    if (index === 0 || epoch > table.epoch) continue;
    const from = former.owners[index - 1] ?? null;
    moves.push({ epoch, at, reason, from, to });
    to = from;
  }
  return moves;
}

/** A history as it was kept; what is damaged is as good as none, since nothing depends on it. */
export function parseHistory(value: unknown): TableChange[] {
  const parsed = tableHistory.safeParse(value);
  if (!parsed.success) return [];
  return parsed.data.map(({ former, ...change }) => (former === undefined ? change : { ...change, former }));
}

/** As `parseHistory`, from JSON. */
export function parseHistoryText(text: string | undefined): TableChange[] {
  try {
    return parseHistory(JSON.parse(text ?? '[]'));
  } catch {
    return [];
  }
}

function bounded(history: readonly TableChange[]): TableChange[] {
  let characters = 0;
  return history.slice(0, CHANGES_KEPT).map((record, age) => {
    characters += record.former?.slots.length ?? 0;
    if (age === 0 || characters <= CHARACTERS_KEPT) return record;
    const { former: _, ...figures } = record;
    return figures;
  });
}

interface Comparison {
  readonly former: readonly (string | null)[];
  readonly slots: Uint16Array;
  readonly flows: readonly Flow[];
}

function compared(before: OwnerTable | undefined, after: OwnerTable): Comparison {
  const former = [...(before?.owners ?? []), null];
  const nobody = former.length - 1;
  const slots = new Uint16Array(SLOTS);
  const counts = new Map<number, number>();
  for (const slot of changedSlots(before, after)) {
    const was = before?.slots[slot] ?? NOBODY;
    const from = was === NOBODY ? nobody : was;
    slots[slot] = from + 1;
    const flow = from * (NOBODY + 1) + (after.slots[slot] ?? NOBODY);
    counts.set(flow, (counts.get(flow) ?? 0) + 1);
  }
  const flows = [...counts].map(([flow, count]) => ({
    from: former[Math.floor(flow / (NOBODY + 1))] ?? null,
    to: after.owners[flow % (NOBODY + 1)] ?? null,
    slots: count,
  }));
  return { former, slots, flows };
}

function formerIndexes(packed: string): DataView | undefined {
  try {
    const bytes = inflateSync(Buffer.from(packed, 'base64'), { maxOutputLength: SLOTS * 2 });
    return bytes.length === SLOTS * 2
      ? new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      : undefined;
  } catch {
    // Damaged: as `parseHistory` has it.
    return undefined;
  }
}
