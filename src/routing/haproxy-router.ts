/**
 * The running router, seen and changed over its runtime socket. Every change is idempotent: done again,
 * it finds things as they are to be. Servers added here vanish at a reload unless the configuration
 * file has them too: write the file first.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { OperationError } from '../app/failure.ts';
import { NEXT_WORKER, pinKey, serverParameters } from './haproxy-backend.ts';
import { NO_ROUTE_BACKEND } from './haproxy-config.ts';
import { address, token } from './haproxy-words.ts';
import type { OwnerTable } from './owner-table.ts';
import { END_BACKEND, END_COMMAND } from './router-end.ts';
import { changesFile, EPOCH_ENTRY, epochInForce, mapFile } from './router-maps.ts';
import type { ServerSpec } from './router-spec.ts';
import { CERTIFICATE_FILE } from './router-tls.ts';
import {
  clientConnections,
  hasLearned,
  infoField,
  mapNames,
  mapValue,
  observedServers,
  pinnedServer,
  streamsAt,
} from './runtime-replies.ts';
import type { ObservedServer } from './runtime-replies.ts';
import { CommandRefused } from './runtime-socket.ts';
import type { RuntimeSocket } from './runtime-socket.ts';
import { TablePublisher } from './table-publisher.ts';
import { PINS_BACKEND } from './wait-for-pins.ts';

export interface ObservedRouter {
  /** Which configuration is in force. */
  readonly generation: string | undefined;
  readonly backends: Readonly<Record<string, ObservedBackend>>;
}

export interface ObservedBackend {
  /** Epoch of the owner table in force; stateful services only. */
  readonly epoch?: number;
  readonly servers: readonly ObservedServer[];
}

export interface NewServer extends Omit<ServerSpec, 'state'> {
  /** Users come to it by pin and table only. With hand-over any instance can take a request, so it is not. */
  readonly stateful: boolean;
}

/** How long HAProxy may need to let go of a server without requests. */
const LET_GO_TIMEOUT_MS = 5_000;
const POLL_MS = 50;

/** Backends that are no services. */
const OWN_BACKENDS: ReadonlySet<string> = new Set([NO_ROUTE_BACKEND, PINS_BACKEND, END_BACKEND]);

/** All servers and backends with what they do now (columns of chapter 9.1 of the management guide). */
const SERVER_QUESTIONS = ['show servers state', 'show stat -1 6 -1'];

/** What listens, with the figures of all protocols. */
const FRONTENDS = 'show stat -1 1 -1';

export class HaproxyRouter {
  readonly #socket: RuntimeSocket;
  readonly #publisher: TablePublisher;

  constructor(socket: RuntimeSocket) {
    this.#socket = socket;
    this.#publisher = new TablePublisher(socket);
  }

  /**
   * Epochs are read before requests are counted: a server without requests at an epoch that no longer
   * names it will get none. @throws RouterUnreachable
   */
  async observe(signal?: AbortSignal): Promise<ObservedRouter> {
    const [info = '', mapList = ''] = await this.#socket.askAll(['show info', 'show map'], signal);
    const maps = mapNames(mapList);
    const questions = [...maps.map((map) => `get map ${map} ${EPOCH_ENTRY}`), ...SERVER_QUESTIONS];
    const replies = await this.#socket.askAll(questions, signal);
    const entries = new Map(maps.map((map, index) => [map, mapValue(replies[index] ?? '')]));
    const [states = '', statistics = ''] = replies.slice(maps.length);
    const backends: Record<string, ObservedBackend> = {};
    for (const [service, servers] of instances(states, statistics)) {
      if (OWN_BACKENDS.has(service)) continue;
      const epoch = epochInForce(entries.get(mapFile(service)), entries.get(changesFile(service)));
      backends[service] = epoch === undefined ? { servers } : { epoch, servers };
    }
    return { generation: infoField(info, 'description'), backends };
  }

  /** Clients are told with their next answer to connect elsewhere; who does not is served as before. */
  async sendAway(signal?: AbortSignal): Promise<void> {
    await this.#socket.tell(END_COMMAND, signal);
  }

  /**
   * `present`: connections of clients at the worker that takes new ones, idle ones too, by which somebody may ask without
   * having heard that the router ends. Clients of HTTP/2 hear of it when HAProxy stops: without a request they do not
   * count. `made`: how many there have been so far; a reload begins anew.
   */
  async connections(signal?: AbortSignal): Promise<{ readonly present: number; readonly made: number }> {
    const [info = '', statistics = ''] = await this.#socket.askAll(['show info', FRONTENDS], signal);
    const all = Number(infoField(info, 'CurrConns'));
    const { http2, http2Requests, made } = clientConnections(statistics);
    return { present: http2Requests === 0 ? Math.max(0, all - http2) : all, made };
  }

  /** Epoch of the table in force of a stateful service; undefined when its map has none. */
  async epoch(service: string, signal?: AbortSignal): Promise<number | undefined> {
    return this.#publisher.epoch(service, signal);
  }

  /**
   * Adds a server and lets it take requests; one of that name gets the new address. Pins that it has
   * stay: clear them when it is a new incarnation.
   * @throws OperationError when the name is in use with another id
   */
  async addServer(service: string, server: NewServer, signal?: AbortSignal): Promise<void> {
    const at = `${token(service, 'service')}/${token(server.name, 'instance')}`;
    const present = await this.#server(service, server.name, signal);
    if (present === undefined) {
      const parameters = serverParameters(server.id, !server.stateful);
      const command = `add server ${at} ${address(server.host, server.port)} ${parameters}`;
      const reply = await this.#socket.ask(command, signal);
      if (!reply.includes('New server registered')) throw new CommandRefused(command, reply);
    } else if (present.id !== server.id) {
      throw new OperationError(`The router has ${at} with the id ${present.id} instead of ${server.id}`);
    } else if (present.address !== server.host || present.port !== server.port) {
      await this.#socket.ask(`set server ${at} addr ${server.host} port ${server.port}`, signal);
    }
    await this.#socket.tell(`enable health ${at}`, signal);
    await this.readyServer(service, server.name, signal);
  }

  /** No new requests for a stateless service's server; a stateful one's pinned users go on. */
  async drainServer(service: string, name: string, signal?: AbortSignal): Promise<void> {
    await this.#socket.tell(`set server ${service}/${name} state drain`, signal);
  }

  async readyServer(service: string, name: string, signal?: AbortSignal): Promise<void> {
    await this.#socket.tell(`set server ${service}/${name} state ready`, signal);
  }

  /**
   * Takes a server out. Its users follow the table from their next request on, which must not name it
   * any more; requests in flight get `graceMs` to finish and are cut then. An absent one is fine.
   */
  async removeServer(service: string, name: string, graceMs: number, signal?: AbortSignal): Promise<void> {
    const server = await this.#server(service, name, signal);
    if (server === undefined) return;
    const at = `${service}/${name}`;
    const grace = AbortSignal.timeout(graceMs);
    const giveUp = AbortSignal.timeout(graceMs + LET_GO_TIMEOUT_MS);
    await until(grace, signal, () => this.#hasLetUsersGo(service, server, signal));
    await this.#socket.tell(`set server ${at} state maint`, signal);
    await until(grace, signal, async () => {
      await this.clearPins(service, server.id, signal);
      return this.#isIdle(service, name, signal);
    });
    await this.#deleteServer(service, server, { grace, giveUp }, signal);
  }

  /**
   * Ends the requests in flight at a server. One that may be asked again is, and can be ended again. HAProxy 2.6 does not
   * count those at the server that were asked for again, so they are looked for.
   */
  async cutRequests(service: string, name: string, signal?: AbortSignal): Promise<void> {
    await this.#socket.tell(`shutdown sessions server ${service}/${name}`, signal);
    const streams = streamsAt(await this.#socket.ask('show sess', signal), service, name);
    // One that has ended meanwhile is refused, which is as good.
    for (const stream of streams) await this.#socket.ask(`shutdown session ${stream}`, signal);
  }

  /**
   * Frees the users pinned to a server: from their next request on they follow the table. A request in
   * flight at that moment pins its user again when it is answered.
   */
  async clearPins(service: string, serverId: number, signal?: AbortSignal): Promise<void> {
    await this.#clear(service, serverId, signal);
  }

  /**
   * Whether a reload now would keep the pins. For five seconds after HAProxy was started (not reloaded)
   * it would not: it still waits for somebody to learn pins from, and hands none over until then.
   */
  async pinsSurviveReload(signal?: AbortSignal): Promise<boolean> {
    return hasLearned(await this.#socket.ask('show peers', signal));
  }

  /** How many users are pinned to a server; 0 for a stateless service. */
  async pinCount(service: string, serverId: number, signal?: AbortSignal): Promise<number> {
    const command = `show table ${token(service, 'service')} data.server_id eq ${serverId}`;
    let count = 0;
    let unfinished = '';
    for await (const part of this.#socket.parts(command, signal)) {
      const lines = (unfinished + part).split('\n');
      unfinished = lines.pop() ?? '';
      count += lines.filter((line) => line.startsWith('0x')).length;
    }
    return count;
  }

  /** The instance that a user is pinned to. */
  async pinOf(service: string, key: string, signal?: AbortSignal): Promise<string | undefined> {
    const command = `show table ${token(service, 'service')} key ${pinKey(key)}`;
    return pinnedServer(await this.#socket.ask(command, signal));
  }

  /**
   * Puts a table in force. Nothing happens when its epoch is in force already. A router is told by one process
   * at a time: of two at the very same moment the older might win.
   * @throws OperationError when a newer one is: whoever made this table has to start from that one
   */
  async publishTable(table: OwnerTable, signal?: AbortSignal): Promise<void> {
    await this.#publisher.publish(table, signal);
  }

  /**
   * New connections get this certificate from now on; those there are go on. Nothing happens when it is in force already.
   * @param pem with the private key @throws CommandRefused, and the one before stays in force
   */
  async setCertificate(pem: string, signal?: AbortSignal): Promise<void> {
    const steps = [
      { command: `set ssl cert ${CERTIFICATE_FILE} <<\n${pem}`, done: /^Transaction (created|updated)/ },
      { command: `commit ssl cert ${CERTIFICATE_FILE}`, done: /^Success!$/m },
    ];
    for (const { command, done } of steps) {
      const reply = await this.#socket.ask(command, signal);
      if (done.test(reply)) continue;
      await this.#socket.ask(`abort ssl cert ${CERTIFICATE_FILE}`, signal);
      throw new CommandRefused(command, reply);
    }
  }

  /** False for a stateless service, which has no pins to clear. */
  async #clear(service: string, serverId: number, signal: AbortSignal | undefined): Promise<boolean> {
    const command = `clear table ${token(service, 'service')} data.server_id eq ${serverId}`;
    const reply = await this.#socket.ask(command, signal);
    if (reply !== '' && reply !== 'No such table') throw new CommandRefused(command, reply);
    return reply === '';
  }

  /** Pins are counted after the requests: none in flight means that none will pin its user again. */
  async #hasLetUsersGo(
    service: string,
    { name, id }: ObservedServer,
    signal?: AbortSignal,
  ): Promise<boolean> {
    if (!(await this.#clear(service, id, signal))) return true;
    return (await this.#isIdle(service, name, signal)) && (await this.pinCount(service, id, signal)) === 0;
  }

  async #isIdle(service: string, name: string, signal: AbortSignal | undefined): Promise<boolean> {
    return ((await this.#server(service, name, signal))?.currentSessions ?? 0) === 0;
  }

  async #deleteServer(
    service: string,
    { name, id }: ObservedServer,
    { grace, giveUp }: { readonly grace: AbortSignal; readonly giveUp: AbortSignal },
    signal?: AbortSignal,
  ): Promise<void> {
    const command = `del server ${service}/${name}`;
    let reply = '';
    const isGone = await until(giveUp, signal, async () => {
      await this.clearPins(service, id, signal);
      if (grace.aborted) await this.cutRequests(service, name, signal);
      await this.#dropIdleConnections(service, name, signal);
      reply = await this.#socket.ask(command, signal);
      return /Server deleted|No such server/.test(reply);
    });
    if (!isGone) throw new CommandRefused(command, reply);
  }

  /**
   * HAProxy deletes no server that it keeps idle connections to, and keeps them for many seconds. It
   * drops them when the address changes; a server in maintenance gets no request at the other one.
   */
  async #dropIdleConnections(service: string, name: string, signal: AbortSignal | undefined): Promise<void> {
    const server = await this.#server(service, name, signal);
    if (server?.admin !== 'maint') return;
    const other = server.port === 1 ? 2 : 1;
    await this.#socket.ask(`set server ${service}/${name} addr ${server.address} port ${other}`, signal);
  }

  async #server(service: string, name: string, signal?: AbortSignal): Promise<ObservedServer | undefined> {
    const servers = (await this.#servers(signal)).get(service);
    if (servers === undefined) throw new OperationError(`The router has no service ${service}`);
    return servers.find((server) => server.name === name);
  }

  async #servers(signal: AbortSignal | undefined): Promise<ReadonlyMap<string, ObservedServer[]>> {
    const [states = '', statistics = ''] = await this.#socket.askAll(SERVER_QUESTIONS, signal);
    return instances(states, statistics);
  }
}

/** The servers that stand for instances. */
function instances(states: string, statistics: string): ReadonlyMap<string, ObservedServer[]> {
  const backends = [...observedServers(states, statistics)];
  return new Map(
    backends.map(([service, servers]) => [service, servers.filter(({ name }) => name !== NEXT_WORKER)]),
  );
}

/** Asks again until the answer is yes; false when it is time to give up. */
async function until(
  giveUp: AbortSignal,
  signal: AbortSignal | undefined,
  isSo: () => Promise<boolean>,
): Promise<boolean> {
  while (!(await isSo())) {
    if (giveUp.aborted) return false;
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
  return true;
}
