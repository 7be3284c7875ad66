/**
 * Puts owner tables in force in a running HAProxy. What is in force is a map of all slots, and a small map of what
 * has changed since. Few changes are sent as such a small map; many, or changes to a map that is not
 * known here, as a whole. Both are swapped at once, so what breaks off before that shows nowhere.
 *
 * Whatever is between the two swaps of a whole table is told as the older epoch, and done again.
 */
import { OperationError } from '../app/failure.ts';
import type { OwnerTable } from './owner-table.ts';
import { changesFile, changesMap, EPOCH_ENTRY, epochInForce, mapFile, ownerMap } from './router-maps.ts';
import { mapValue, preparedVersion } from './runtime-replies.ts';
import { CommandRefused, type RuntimeSocket } from './runtime-socket.ts';

/** Commands with their payload must fit HAProxy's buffer of 16 KiB. */
const PAYLOAD_BYTES = 12_000;
/** Changes are sent anew with each change after them: up to so many entries that costs next to nothing. */
const FEW = 4_096;

/** The epochs that HAProxy's two maps name. */
interface InForce {
  /** Of the map of all slots. */
  readonly base: number;
  readonly epoch: number;
}

export class TablePublisher {
  readonly #socket: RuntimeSocket;
  /** Per service the table that HAProxy's map of all slots was made from, and the last one published. */
  readonly #known = new Map<string, { readonly base: OwnerTable; readonly last: OwnerTable }>();

  constructor(socket: RuntimeSocket) {
    this.#socket = socket;
  }

  /** Epoch of the table in force of a stateful service; undefined when its map has none. */
  async epoch(service: string, signal?: AbortSignal): Promise<number | undefined> {
    return (await this.#inForce(service, signal))?.epoch;
  }

  /**
   * Puts a table in force. Nothing happens when its epoch is in force already. A router is told by one process
   * at a time: of two at the very same moment the older might win.
   * @throws OperationError when a newer one is: whoever made this table has to start from that one
   */
  async publish(table: OwnerTable, signal?: AbortSignal): Promise<void> {
    const inForce = await this.#inForce(table.service, signal);
    if (!isNewer(table, inForce)) return;
    const base = this.#base(table.service, inForce);
    const shorter = base !== undefined && isWorthChanges(base, this.#known.get(table.service)?.last, table);
    if (shorter) {
      await this.#swap(changesFile(table.service), changesMap(base, table), table, signal);
    } else {
      await this.#swap(mapFile(table.service), ownerMap(table), table, signal);
      // Not needed in a HAProxy that had no changes yet.
      if (isNewer(table, await this.#inForce(table.service, signal)))
        await this.#swap(changesFile(table.service), changesMap(table, table), table, signal);
    }
    this.#known.set(table.service, { base: shorter ? base : table, last: table });
  }

  /** The table that HAProxy's map of all slots was made from: a HAProxy that was started has the last one. */
  #base(service: string, inForce: InForce | undefined): OwnerTable | undefined {
    const known = this.#known.get(service);
    return [known?.base, known?.last].find((table) => table !== undefined && table.epoch === inForce?.base);
  }

  /** Replaces all entries of a map at once. */
  async #swap(map: string, text: string, table: OwnerTable, signal: AbortSignal | undefined): Promise<void> {
    const prepared = await this.#socket.ask(`prepare map ${map}`, signal);
    const version = preparedVersion(prepared);
    if (version === undefined) throw new CommandRefused(`prepare map ${map}`, prepared);
    for (const payload of payloads(text))
      await this.#socket.tell(`add map @${version} ${map} <<\n${payload}`, signal);
    // Whoever was overtaken since its `prepare`, even when frozen between these two lines, is refused
    // by HAProxy: it commits no version older than the one in force.
    if (isNewer(table, await this.#inForce(table.service, signal)))
      await this.#socket.tell(`commit map @${version} ${map}`, signal);
  }

  async #inForce(service: string, signal: AbortSignal | undefined): Promise<InForce | undefined> {
    const questions = [mapFile(service), changesFile(service)].map((map) => `get map ${map} ${EPOCH_ENTRY}`);
    const [map, changes] = (await this.#socket.askAll(questions, signal)).map(mapValue);
    const epoch = epochInForce(map, changes);
    return epoch === undefined ? undefined : { base: Number(map), epoch };
  }
}

/** @throws OperationError when it is older */
function isNewer({ service, epoch }: OwnerTable, inForce: InForce | undefined): boolean {
  const present = inForce?.epoch ?? 0;
  if (present <= epoch) return present < epoch;
  throw new OperationError(
    `The router has epoch ${present} of ${service}'s owner table in force and does not go back to ${epoch}`,
  );
}

/** Changes are worth it when they are few, or mostly new ones: earlier ones have to be sent with them. */
function isWorthChanges(base: OwnerTable, last: OwnerTable | undefined, table: OwnerTable): boolean {
  const count = entriesIn(changesMap(base, table));
  if (count > entriesIn(ownerMap(table)) / 2) return false;
  return count <= FEW || count <= 2 * entriesIn(changesMap(last ?? base, table));
}

function entriesIn(map: string): number {
  return map.split('\n').length - 1;
}

/** Cuts a map into payloads of whole lines, each ending with the empty line that ends a payload. */
function payloads(map: string): string[] {
  const found: string[] = [];
  for (let start = 0; start < map.length;) {
    const end =
      start + PAYLOAD_BYTES >= map.length ? map.length : map.lastIndexOf('\n', start + PAYLOAD_BYTES) + 1;
    found.push(map.slice(start, end));
    start = end;
  }
  return found;
}
