/** Ports that an application was to have and that somebody else listens on. */
import { portHolder } from './port-holder.ts';
import { isFree } from './ports.ts';
import type { ProcessRecord } from './process-record.ts';

/** The first of the ports that is in use, in a sentence without its full stop; undefined when all are free. */
export async function takenPort(host: string, ports: readonly number[]): Promise<string | undefined> {
  for (const port of ports) {
    if (await isFree(host, port)) continue;
    const holder = portHolder(port);
    return `port ${port} on ${host} is in use${holder === undefined ? '' : ` by ${holder}`}`;
  }
  return undefined;
}

/** Whether its last process ended before it ever answered, which is what a port in use leads to. */
export function endedUnheard(record: ProcessRecord | undefined): record is ProcessRecord {
  return record?.exitedAt !== undefined && record.readyAt === undefined;
}
