/**
 * What a statement may have changed in the schema of the shadow, told by the commands that the server counted and
 * by the files of the database: every table, sequence and view has a definition in a file `name.frm`, every table
 * with triggers one in `name.TRG`, and whatever changes them writes the file anew. Where that does not tell, the
 * whole schema has to be read.
 */

import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Touched } from '../fingerprint.ts';

/** Commands that change definitions in files only. */
const tableCommands = new Set([
  'alter_table',
  'create_index',
  'create_sequence',
  'create_table',
  'create_trigger',
  'create_view',
  'drop_index',
  'drop_sequence',
  'drop_table',
  'drop_trigger',
  'drop_view',
  'rename_table',
  'truncate',
]);
const routineCommands = new Set([
  'alter_function',
  'alter_procedure',
  'create_procedure',
  'create_spfunction',
  'drop_function',
  'drop_procedure',
]);

/** File systems count time in steps of up to 10 ms: a file this young may change and look the same. */
const youngMs = 25;

/** The files of a database at one moment. */
export interface Stamps {
  readonly takenAt: number;
  /** By file name. */
  readonly files: ReadonlyMap<string, { readonly stamp: string; readonly changedAt: number }>;
}

/** Reads what the files of a database's folder look like; in microseconds, so it does not wait for a thread. */
export function readStamps(folder: string): Stamps {
  const takenAt = Date.now();
  const files = new Map<string, { stamp: string; changedAt: number }>();
  for (const name of readdirSync(folder)) {
    if (!/^[^#].*\.(?:frm|TRG)$/.test(name)) continue;
    const { ino, size, mtimeMs } = statSync(join(folder, name));
    files.set(name, { stamp: `${ino} ${size} ${mtimeMs}`, changedAt: mtimeMs });
  }
  return { takenAt, files };
}

/** What `commands` have touched between two moments; none when that is not known. */
export function touchedBy(
  folder: string,
  commands: readonly string[],
  { before, after }: { before: Stamps; after: Stamps },
): Touched | undefined {
  if (!commands.every((name) => tableCommands.has(name) || routineCommands.has(name))) return undefined;
  const files = changedFiles(before, after);
  // The server writes other letters as codes behind an @.
  if (files.some((name) => name.includes('@'))) return undefined;
  const names = [...new Set(files.map((name) => name.slice(0, name.lastIndexOf('.'))))];
  const views = names.filter((name) => isView(folder, name));
  return {
    names,
    views,
    tables: names.filter((name) => after.files.has(`${name}.frm`) && !views.includes(name)),
    triggered: names.filter((name) => after.files.has(`${name}.TRG`)),
    routines: commands.some((name) => routineCommands.has(name)),
  };
}

function changedFiles(before: Stamps, after: Stamps): string[] {
  const names = new Set([...before.files.keys(), ...after.files.keys()]);
  return [...names].filter((name) => {
    const now = after.files.get(name);
    const isYoung = now !== undefined && now.changedAt > before.takenAt - youngMs;
    return isYoung || now?.stamp !== before.files.get(name)?.stamp;
  });
}

const viewMark = 'TYPE=VIEW';

/** The definition of a view is a text, that of a table is not. */
function isView(folder: string, name: string): boolean {
  try {
    const file = openSync(join(folder, `${name}.frm`), 'r');
    try {
      const begin = Buffer.alloc(viewMark.length);
      readSync(file, begin);
      return begin.toString('latin1') === viewMark;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
