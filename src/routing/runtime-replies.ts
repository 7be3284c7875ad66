/**
 * What HAProxy's answers on the runtime socket mean. Formats: HAProxy management guide, chapters 9.1
 * (CSV) and 9.3; columns are found by name, so later versions may add some.
 */
import { PINS_KNOWN_SERVER } from './wait-for-pins.ts';

/** A server as the running router sees it. */
export interface ObservedServer {
  /** Instance id. */
  readonly name: string;
  readonly id: number;
  readonly address: string;
  readonly port: number;
  /** The router's checks find it usable and it is not in maintenance. */
  readonly up: boolean;
  readonly admin: 'ready' | 'drain' | 'maint';
  /** Requests in flight. */
  readonly currentSessions: number;
}

type Row = Readonly<Record<string, string>>;

/**
 * Bits of `srv_admin_state`: whatever puts a server into maintenance, and into draining. 0x04 only
 * remembers that the file had it disabled.
 */
const MAINTENANCE_BITS = 0x01 | 0x02 | 0x20 | 0x40;
const DRAIN_BITS = 0x08 | 0x10;
const STOPPED = '0';

/** A field of `show info`. */
export function infoField(reply: string, field: string): string | undefined {
  const line = reply.split('\n').find((line) => line.startsWith(`${field}: `));
  return line?.slice(field.length + 2);
}

/** Servers by backend, from `show servers state` and `show stat`; backends without servers have an empty list. */
export function observedServers(states: string, statistics: string): ReadonlyMap<string, ObservedServer[]> {
  const servers = new Map<string, ObservedServer[]>();
  const sessions = new Map<string, number>();
  for (const row of table(statistics, ',')) {
    if (column(row, 'svname') === 'BACKEND') servers.set(column(row, 'pxname'), []);
    else sessions.set(`${column(row, 'pxname')}/${column(row, 'svname')}`, Number(column(row, 'scur')));
  }
  for (const row of table(states, ' ')) {
    const backend = column(row, 'be_name');
    const current = sessions.get(`${backend}/${column(row, 'srv_name')}`) ?? 0;
    servers.get(backend)?.push(observedServer(row, current));
  }
  return servers;
}

function observedServer(row: Row, currentSessions: number): ObservedServer {
  const flags = Number(column(row, 'srv_admin_state'));
  const maintenance = (flags & MAINTENANCE_BITS) !== 0;
  const drains = (flags & DRAIN_BITS) !== 0;
  return {
    name: column(row, 'srv_name'),
    id: Number(column(row, 'srv_id')),
    address: column(row, 'srv_addr'),
    port: Number(column(row, 'srv_port')),
    up: column(row, 'srv_op_state') !== STOPPED && !maintenance,
    admin: maintenance ? 'maint' : drains ? 'drain' : 'ready',
    currentSessions,
  };
}

function column(row: Row, name: string): string {
  return row[name] ?? '';
}

/** The lines after the one that names the columns, which begins with `# `. */
function table(reply: string, separator: string): Row[] {
  const lines = reply.split('\n');
  const header = lines.findIndex((line) => line.startsWith('# '));
  const columns = lines[header]?.slice(2).split(separator) ?? [];
  return lines
    .slice(header + 1)
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(separator);
      return Object.fromEntries(columns.map((name, at) => [name, fields[at] ?? '']));
    });
}

/** Names of the maps in `show map`. */
export function mapNames(reply: string): string[] {
  return [...reply.matchAll(/^-?\d+ \((.+?)\) pattern loaded/gm)].map((match) => match[1] ?? '');
}

/** The value in the answer to `get map`; undefined when the map has no such key. */
export function mapValue(reply: string): string | undefined {
  return /found=yes.*?value="([^"]*)"/.exec(reply)?.[1];
}

/** The version that `prepare map` has opened. */
export function preparedVersion(reply: string): string | undefined {
  return /New version created: (\d+)/.exec(reply)?.[1];
}

/** The server that an entry of a stick table names. */
export function pinnedServer(reply: string): string | undefined {
  return /\bserver_key=(\S+)/.exec(reply)?.[1];
}

/** Whether `show servers state` of the backend that tells about pins says that they are known. */
export function arePinsKnown(states: string): boolean {
  return table(states, ' ').some(
    (row) => column(row, 'srv_name') === PINS_KNOWN_SERVER && observedServer(row, 0).up,
  );
}

/** Bits of a peers section's flags: done with learning from the local peer, and from remote ones. */
const LEARNED_BITS = 0x1 | 0x2;

/** Whether `show peers` tells of a section that is done with learning; true without any section. */
export function hasLearned(reply: string): boolean {
  const flags = /\bid=\S+ disabled=\d+ flags=(0x[\da-f]+)/.exec(reply)?.[1];
  return flags === undefined || (Number(flags) & LEARNED_BITS) === LEARNED_BITS;
}

/** Another router, as the configuration in force names it. */
export interface ConfiguredPeer {
  readonly name: string;
  /** Host and port as HAProxy prints them. */
  readonly address: string;
}

/** The remote peers in `show peers`. */
export function configuredPeers(reply: string): ConfiguredPeer[] {
  return [...reply.matchAll(/ id=(\S+)\(remote,\w+\) addr=(\S+)/g)].map((match) => ({
    name: match[1] ?? '',
    address: match[2] ?? '',
  }));
}

/** The numeric ids of the servers that the entries of a stick table name. */
export function pinnedIds(reply: string): Set<number> {
  return new Set([...reply.matchAll(/\bserver_id=(\d+)/g)].map((match) => Number(match[1])));
}

/** The ids in the answer to `show acl` for a list of them; 0, which stands for no server, left out. */
export function listedIds(reply: string): Set<number> {
  return new Set([...reply.matchAll(/^0x[\da-f]+ ([1-9]\d*)$/gm)].map((match) => Number(match[1])));
}

/** The streams that have a request at a server, from `show sess`, by the names that `shutdown session` knows them by. */
export function streamsAt(reply: string, service: string, server: string): string[] {
  const rows = reply.split('\n').map((line) => line.split(' '));
  const at = rows.filter((words) => words.includes(`be=${service}`) && words.includes(`srv=${server}`));
  return at.flatMap(([stream]) => (stream?.endsWith(':') === true ? [stream.slice(0, -1)] : []));
}

export interface ClientConnections {
  /** Open ones of HTTP/2. */
  readonly http2: number;
  /** Requests of HTTP/2 that are under way. */
  readonly http2Requests: number;
  /** All that were ever made to this worker. */
  readonly made: number;
}

/**
 * The connections of clients, from the statistics of frontends. HAProxy 2.6 counts open streams of clients, too, under
 * a name that speaks of backends.
 */
export function clientConnections(statistics: string): ClientConnections {
  const [head = '', ...rows] = statistics.split('\n');
  const columns = head.split(',');
  const total = (column: string): number => {
    const at = columns.indexOf(column);
    return rows.reduce((sum, row) => sum + (Number(row.split(',')[at]) || 0), 0);
  };
  return {
    http2: total('h2_open_connections'),
    http2Requests: total('h2_backend_open_streams'),
    made: total('conn_tot'),
  };
}
