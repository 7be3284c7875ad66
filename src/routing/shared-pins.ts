/**
 * The pins that routers share: stick tables that HAProxy keeps equal over its peers protocol. An entry
 * travels with the instance's name and numeric id. That one was cleared does not travel: a pin to an
 * instance that has gone, cleared here, comes back when another router that still has it serves its user.
 * So each router also has a list of instances whose pins no longer count, whoever teaches them.
 */
import { token } from './haproxy-words.ts';
import { RELEASED_TABLE, releasedCommand, releasedIds } from './released-instances.ts';
import { freedFile } from './router-maps.ts';
import {
  arePinsKnown,
  configuredPeers,
  hasLearned,
  listedIds,
  pinnedIds,
  type ConfiguredPeer,
} from './runtime-replies.ts';
import { CommandRefused, type RuntimeSocket } from './runtime-socket.ts';
import { PINS_BACKEND, PINS_KNOWN_COMMAND } from './wait-for-pins.ts';

/** Ids between two others, both excluded. */
export interface IdRange {
  readonly above: number;
  readonly below: number;
}

const LARGEST_ID = 2 ** 31 - 1;

export class SharedPins {
  readonly #socket: RuntimeSocket;

  constructor(socket: RuntimeSocket) {
    this.#socket = socket;
  }

  /** The other routers in the configuration in force, and whether all that they know has been learned. */
  async peers(signal?: AbortSignal): Promise<{ peers: ConfiguredPeer[]; learned: boolean }> {
    const reply = await this.#socket.ask('show peers', signal);
    return { peers: configuredPeers(reply), learned: hasLearned(reply) };
  }

  /**
   * Whether all pins that can be learned have been, and how many users are pinned. It is asked of one worker,
   * in this order: none is the truth when they are known.
   */
  async lesson(signal?: AbortSignal): Promise<{ known: boolean; pins: number }> {
    const reply = await this.#socket.ask(`show servers state ${PINS_BACKEND}; show table`, signal);
    const [states = '', tables = ''] = reply.split(/\n{2,}/);
    // Without services with sessions there is nothing to know.
    const known = states.startsWith("Can't find backend") || arePinsKnown(states);
    return { known, pins: pinsIn(tables) };
  }

  /** There is nothing to learn, so users without a pin need not wait until HAProxy finds that out. */
  async declareKnown(signal?: AbortSignal): Promise<void> {
    const reply = await this.#socket.ask(PINS_KNOWN_COMMAND, signal);
    // Where nobody is pinned there is no such server.
    if (reply !== '' && reply !== 'No such backend.') throw new CommandRefused(PINS_KNOWN_COMMAND, reply);
  }

  /** How many users are pinned, of all services together. */
  async count(signal?: AbortSignal): Promise<number> {
    return pinsIn(await this.#socket.ask('show table', signal));
  }

  /** Ids of a service's servers whose pins do not count. */
  async freed(service: string, signal?: AbortSignal): Promise<ReadonlySet<number>> {
    return listedIds(await this.#socket.ask(`show acl ${freedFile(service)}`, signal));
  }

  /** From now on users pinned to these servers go to the owner that the table names, and are pinned there. */
  async free(service: string, ids: readonly number[], signal?: AbortSignal): Promise<void> {
    for (const id of ids) await this.#socket.tell(`add acl ${freedFile(service)} ${id}`, signal);
  }

  /** Pins to these servers count again. */
  async hold(service: string, ids: readonly number[], signal?: AbortSignal): Promise<void> {
    for (const id of ids) await this.#socket.tell(`del acl ${freedFile(service)} ${id}`, signal);
  }

  /** Ids of servers whose users some router has let go, of all services together. */
  async released(signal?: AbortSignal): Promise<ReadonlySet<number>> {
    return releasedIds(await this.#socket.ask(`show table ${RELEASED_TABLE}`, signal));
  }

  /** Tells every router that the users of these servers have been let go. */
  async announce(ids: readonly number[], signal?: AbortSignal): Promise<void> {
    for (const id of ids) await this.#socket.tell(releasedCommand(id), signal);
  }

  /** Ids that users are pinned to although none of `known` has them. One look through the table a range. */
  async strays(service: string, known: readonly number[], signal?: AbortSignal): Promise<Set<number>> {
    const strays = new Set<number>();
    for (const { above, below } of rangesBetween(known)) {
      const filter = `data.server_id gt ${above} data.server_id lt ${below}`;
      const reply = await this.#socket.ask(`show table ${token(service, 'service')} ${filter}`, signal);
      for (const id of pinnedIds(reply)) strays.add(id);
    }
    return strays;
  }

  /** Frees the users pinned to an id. */
  async clear(service: string, id: number, signal?: AbortSignal): Promise<void> {
    const command = `clear table ${token(service, 'service')} data.server_id eq ${id}`;
    const reply = await this.#socket.ask(command, signal);
    if (reply !== '' && reply !== 'No such table') throw new CommandRefused(command, reply);
  }
}

/** Entries of all stick tables, from `show table`. */
function pinsIn(tables: string): number {
  const used = [...tables.matchAll(/^# table: .*\bused:(\d+)/gm)].map((match) => Number(match[1]));
  return used.reduce((sum, number) => sum + number, 0);
}

/** The ranges that together have every id but the known ones. */
export function rangesBetween(known: readonly number[]): IdRange[] {
  const borders = [0, ...[...new Set(known)].toSorted((a, b) => a - b), LARGEST_ID];
  return borders
    .slice(1)
    .map((below, index) => ({ above: borders[index] ?? 0, below }))
    .filter(({ above, below }) => below - above > 1);
}
