/** Who listens on a port of this machine, for a message that names it; from /proc, as far as it is ours to see. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** State 0A is LISTEN in /proc/net/tcp (proc(5)). */
const LISTEN = '0A';

/** The program and pid that listen on `port`, such as `nginx (pid 812)`; undefined when they can't be seen. */
export function portHolder(port: number): string | undefined {
  const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeners(table, port)));
  if (sockets.size === 0) return undefined;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    if (openFiles(pid).some((file) => sockets.has(file))) return `${nameOf(pid)} (pid ${pid})`;
  return undefined;
}

function listeners(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return readOrEmpty(table)
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hex}`) === true && fields[3] === LISTEN)
    .map((fields) => `socket:[${fields[9] ?? ''}]`);
}

function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    // Another user's process, or one that has just ended.
    return [];
  }
}

function nameOf(pid: string): string {
  return readOrEmpty(`/proc/${pid}/comm`).trim();
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // No IPv6, or the process has just ended: then there is nothing to say.
    return '';
  }
}
