/**
 * Whose folder a shadow's folder is: its name has the number and the start time of the process that made it,
 * which together name a process for ever. One whose process is gone is a leftover of a kill.
 */

import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const prefix = 'holdfast-shadow-';

/** The beginning of the name of this process' folders. */
export async function folderPrefix(): Promise<string> {
  return `${prefix}${process.pid}-${(await startTime(process.pid)) ?? 0}-`;
}

/** Removes the folders whose makers are gone. Those of others are left when they can't be removed. */
export async function sweepFolders(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, pid, start] = /^holdfast-shadow-(\d+)-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || (await startTime(Number(pid))) === start) continue;
    try {
      await rm(join(parent, name), { recursive: true, force: true });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EACCES' && code !== 'EPERM') throw error;
    }
  }
}

/** When a process was started, in ticks since the boot (field 22 of proc_pid_stat(5)); none when it is gone. */
async function startTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may have blanks; the fields after it start with the third.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
