import { findMarked, isAlive } from './process-identity.ts';
import { isMissing } from './json-file.ts';
import { readRecords } from './process-record.ts';
import type { StateFolder } from './state-folder.ts';

/** The processes of an application that run, whether or not a controller does. Only looks. */
export async function survivors(state: StateFolder): Promise<{ id: string; pid: number }[]> {
  const records = await readRecords(state.processes).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return records.flatMap(({ id, identity, mark }) => {
    // Without an identity: the controller was killed before it could note what it had just started.
    const found = identity ?? findMarked(mark).find(({ leads }) => leads);
    return found !== undefined && isAlive(found) ? [{ id, pid: found.pid }] : [];
  });
}
