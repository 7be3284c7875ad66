/**
 * What HAProxy's answers on the runtime socket mean. Formats: HAProxy management guide, chapters 9.1
 * (CSV) and 9.3; columns are found by name, so later versions may add some.
 */

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

/** Bits of a peers section's flags: done with learning from the local peer, and from remote ones. */
const LEARNED_BITS = 0x1 | 0x2;

/** Whether `show peers` tells of a section that is done with learning; true without any section. */
export function hasLearned(reply: string): boolean {
  const flags = /\bid=\S+ disabled=\d+ flags=(0x[\da-f]+)/.exec(reply)?.[1];
  return flags === undefined || (Number(flags) & LEARNED_BITS) === LEARNED_BITS;
}
