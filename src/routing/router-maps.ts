/** The files that HAProxy's expressions look users up in: names and texts. */
import { token } from './haproxy-words.ts';
import { changedSlots, NOBODY, SLOTS } from './owner-table.ts';
import type { OwnerTable } from './owner-table.ts';

/** Slots that follow each other and have the same owner; without `to`. */
interface Stretch {
  readonly from: number;
  to: number;
  readonly owner: string;
}

/**
 * Keys of the maps are slots, written as the IPv4 addresses of the same number: HAProxy finds a number of four bytes
 * at half the cost of a text, and takes prefixes, the fewest that cover the stretch and nothing else.
 */
function linesOf({ from, to, owner }: Stretch): string[] {
  const lines: string[] = [];
  for (let at = from; at < to;) {
    const aligned = at === 0 ? MORE_THAN_SLOTS : at & -at;
    const size = Math.min(aligned, 2 ** Math.floor(Math.log2(to - at)));
    const bits = Math.clz32(size) + 1;
    const prefix = bits === 32 ? '' : `/${bits}`;
    lines.push(`0.${at >> 16}.${(at >> 8) & 0xff}.${at & 0xff}${prefix} ${owner}`);
    at += size;
  }
  return lines;
}

/** A power of two. */
const MORE_THAN_SLOTS = 2 ** 17;

/** The stretches of the slots (ascending), by what each of them has; one that has nothing is in none. */
function stretchesOf(slots: Iterable<number>, ownerAt: (slot: number) => string | undefined): Stretch[] {
  const found: Stretch[] = [];
  for (const slot of slots) {
    const owner = ownerAt(slot);
    if (owner === undefined) continue;
    const last = found.at(-1);
    if (last?.to === slot && last.owner === owner) last.to += 1;
    else found.push({ from: slot, to: slot + 1, owner });
  }
  return found;
}

/** Key of the map entry that holds the epoch of the table in force; no slot's. */
export const EPOCH_ENTRY = '255.255.255.255';

/** HAProxy's expression for the owner that a map names, where `key` is the expression for a user. */
export function ownerExpression(key: string, map: string): string {
  return `${key},xxh32,mod(${SLOTS}),map_ip(${map})`;
}

/** File name of a service's map. */
export function mapFile(service: string): string {
  return `${service}.map`;
}

/**
 * File name of the map of what has changed since the service's map was made: what it has for a slot goes before that.
 * HAProxy 2.6 finds an entry to change by looking at all of them, 1 ms each; so a change of few slots is
 * a small map that is swapped, which is atomic too.
 */
export function changesFile(service: string): string {
  return `${service}.changes`;
}

/** In a map of changes the owner of a slot that nobody owns any more; no instance can have this name. */
const NO_OWNER = '-';

/** The owner table as a map file: the epoch, then the owner of every slot that has one, by stretches. */
export function ownerMap(table: OwnerTable): string {
  const owners = table.owners.map((owner) => token(owner, 'instance'));
  const stretches = stretchesOf(table.slots.keys(), (slot) => owners[table.slots[slot] ?? NOBODY]);
  return mapOf(String(table.epoch), stretches);
}

/** The map that makes `base` into `table`: both epochs, then the slots in which they differ. */
export function changesMap(base: OwnerTable, table: OwnerTable): string {
  const owners = table.owners.map((owner) => token(owner, 'instance'));
  const ownerAt = (slot: number): string => owners[table.slots[slot] ?? NOBODY] ?? NO_OWNER;
  return mapOf(`${table.epoch}-${base.epoch}`, stretchesOf(changedSlots(base, table), ownerAt));
}

function mapOf(epoch: string, stretches: readonly Stretch[]): string {
  return `${[`${EPOCH_ENTRY} ${epoch}`, ...stretches.flatMap(linesOf)].join('\n')}\n`;
}

/**
 * The epoch in force, from the epoch entries of the map and of its changes; undefined without any. Changes that
 * were made to another map than this one leave some slots at one epoch and some at the other: the older counts.
 */
export function epochInForce(map: string | undefined, changes: string | undefined): number | undefined {
  if (map === undefined) return undefined;
  const [epoch, base] = (changes ?? '').split('-').map(Number);
  if (epoch === undefined || base === undefined) return Number(map);
  return base === Number(map) ? epoch : Math.min(epoch, Number(map));
}

/**
 * File name of the list of a service's servers whose pins no longer count, by id; routers that share their
 * pins have one. A user without a pin has the id 0 there, so both go to the owner that the map names.
 */
export function freedFile(service: string): string {
  return `${service}.freed`;
}

/** The text of such a list. */
export function freedList(ids: Iterable<number>): string {
  return `${[0, ...ids].join('\n')}\n`;
}
