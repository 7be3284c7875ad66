/**
 * Which peers of this pod's TCP connections have stopped to answer altogether, from the kernel's own table
 * (proc_net_tcp in Linux' documentation; `retrnsmt` counts timeouts without any acknowledgement). The kernel
 * of a machine acknowledges for a process that is slow or frozen, so only a dead machine, or one that is cut
 * off, stays silent. HAProxy could have the kernel give such connections up (`tcp-ut`), but not those of
 * servers that are added while it runs.
 */
import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';

/** After 0.2, 0.6, 1.4 and 3 s. */
const TIMEOUTS = 4;
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];
const ESTABLISHED = '01';
const RETRANSMITS = '01';

/** Hosts as HAProxy prints them. Without IPv6 in the kernel there is no table of it. */
export async function silentPeers(): Promise<ReadonlySet<string>> {
  const texts = TABLES.map(async (path) => readFile(path, 'latin1').catch(() => ''));
  return new Set((await Promise.all(texts)).flatMap((text) => silentIn(text, endianness())));
}

/** The remote addresses of connections that the other side has left without any answer for 3 s. */
export function silentIn(table: string, byteOrder: 'BE' | 'LE'): string[] {
  return table.split('\n').flatMap((line) => {
    const [, , remote = '', state, , timer = '', timeouts = ''] = line.trim().split(/\s+/);
    const isSilent =
      state === ESTABLISHED && timer.startsWith(RETRANSMITS) && Number.parseInt(timeouts, 16) >= TIMEOUTS;
    return isSilent ? [hostOf(remote, byteOrder)] : [];
  });
}

/** Words of 32 bits in the order of the machine's bytes, in hexadecimal, a colon, the port. */
function hostOf(remote: string, byteOrder: 'BE' | 'LE'): string {
  const words = remote.slice(0, remote.indexOf(':')).match(/.{8}/g) ?? [];
  const bytes = Buffer.concat(
    words.map((word) => {
      const read = Buffer.from(word, 'hex');
      return byteOrder === 'LE' ? read.reverse() : read;
    }),
  );
  return bytes.length === 4 ? bytes.join('.') : ipv6(bytes);
}

/** In its usual short form. */
function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(group * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
