/**
 * Rehearsals on the disk, each under a hash of all that it depends on. Made with mode 0600 in a folder of
 * mode 0700; one that can't be read is made anew. The oldest go when there are too many.
 */

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Rehearsal } from './rehearsal.ts';

/** Changes with the format and with what a fingerprint is made of. */
const format = 1;
const mostRehearsals = 50;

/** The name of what was made from `parts`, which JSON can hold. */
export function cacheKey(parts: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([format, parts]))
    .digest('hex');
}

/** The rehearsal of this name; none when there is none or it can't be read. */
export async function readRehearsal(folder: string, key: string): Promise<Rehearsal | undefined> {
  try {
    const { steps, end } = JSON.parse(await readFile(fileOf(folder, key), 'utf8')) as {
      steps: Rehearsal['steps'];
      end: [string, string][];
    };
    return { steps, end: new Map(end) };
  } catch {
    // Not there, cut off or not ours: a cache may always miss.
    return undefined;
  }
}

/** Keeps it. A full or read-only disk is no reason to stop: then nothing is kept. */
export async function keepRehearsal(folder: string, key: string, { steps, end }: Rehearsal): Promise<void> {
  const path = fileOf(folder, key);
  const unfinished = `${path}.${process.pid}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(unfinished, JSON.stringify({ steps, end: [...end] }), { mode: 0o600 });
    await rename(unfinished, path);
    await removeOldest(folder);
  } catch {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}

async function removeOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  if (names.length <= mostRehearsals) return;
  const files = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), at: (await stat(join(folder, name))).mtimeMs })),
  );
  const oldest = files.toSorted((a, b) => a.at - b.at).slice(0, files.length - mostRehearsals);
  for (const { path } of oldest) await rm(path, { force: true });
}

function fileOf(folder: string, key: string): string {
  return join(folder, `${key}.json`);
}
